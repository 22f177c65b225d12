"""A text that comes with the package, so that the first command works on a machine with no network."""

import gzip
from dataclasses import replace
from pathlib import Path

from tfgen.data.embedded import EmbeddedSet
from tfgen.data.request import DataRequest
from tfgen.modalities.text.documents import Strings
from tfgen.modalities.text.prepare import examples_of_source
from tfgen.representations.sequences.examples import SequenceExamples


def _open(request: DataRequest) -> SequenceExamples:
    """A million letters from Shakespeare's plays, as one document whose end is held out."""
    path = Path(__file__).parent / "input.txt.gz"
    size = path.stat().st_size
    plays = Strings("shakespeare", ["embedded"], size, lambda: [gzip.decompress(path.read_bytes())])
    return examples_of_source(replace(request, source="shakespeare"), plays)


open_shakespeare = EmbeddedSet("text", _open, "public domain")
