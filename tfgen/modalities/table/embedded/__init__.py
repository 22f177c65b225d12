"""A table that comes with the package, so that the first command works on a machine with no network."""

from dataclasses import replace
from pathlib import Path

from tfgen.data.embedded import EmbeddedSet
from tfgen.data.request import DataRequest
from tfgen.modalities.table.open_table import TableExamples, open_examples


def _open(request: DataRequest) -> TableExamples:
    """What 1,338 insured people cost in a year."""
    path = Path(__file__).with_name("insurance.csv.gz")
    return open_examples(replace(request, source=str(path), shown="insurance"))


open_insurance = EmbeddedSet("table", _open, "public domain")
