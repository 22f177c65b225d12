"""Data becomes examples: `open_data` finds out what it is, and its modality reads it.

Knows nothing about models. Nothing here imports TensorFlow but `tfds:` sources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfgen.catalog import DATASETS
from tfgen.errors import UserError

if TYPE_CHECKING:
    from tfgen.representations.base import Examples

DEFAULT = "digits"


def open_data(
    source: Any = None,
    *,
    labels: Any = None,
    representation: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> Examples:
    """The examples behind a folder, a file, `tfds:NAME`, the name of an embedded set, or data in memory.

    Args:
        source: None means `digits`. In memory: what a modality recognises, such as a numpy array of pictures, a
            tf.data.Dataset, or a list of strings.
        labels: of data in memory, one for each example.
        representation: "arrays" or "sequences", what a model learns; it decides how a mixed folder is read.
        progress: called with (done, total) while examples are being prepared.
        settings: those of the examples' modality (docs/settings.md); None for what is to be found from the data.

    Raises:
        UserError: the source can't be read, or a setting is not one of its modality's.
    """
    from tfgen.data.request import DataRequest
    from tfgen.data.sources import TFDS, as_folder, modality_of, note_on_others

    source = DEFAULT if source is None else str(source) if isinstance(source, Path) else source
    if isinstance(source, str) and not source.strip():
        raise UserError("The name of the data is empty.", "Give a folder, a file, tfds:NAME, or 'digits'.")
    if labels is not None and isinstance(source, str):
        raise UserError("Labels are for data in memory.", "A folder's labels are the names of its sub-folders.")
    if isinstance(source, str) and source.startswith(TFDS):
        from tfgen.data.tfds import open_tfds

        return open_tfds(source, representation, settings, progress)
    modality = modality_of(source, representation, [name for name, value in settings.items() if value is not None])
    place = source
    if isinstance(source, str) and source not in DATASETS:
        path = as_folder(Path(source).expanduser())
        place = source if path == Path(source).expanduser() else str(path)
    request = DataRequest(
        place,
        representation_of(modality, representation),
        check_settings(modality, settings, source),
        labels,
        progress,
        None if place is source else source,
    )
    if isinstance(source, str) and source in DATASETS:
        return DATASETS.load(source)(request)
    examples = modality.open(request)
    if isinstance(place, str) and Path(place).expanduser().is_dir():
        examples.report.notes.extend(note_on_others(modality, Path(place), examples.report.used))
    return examples


def representation_of(modality: type, wanted: str | None) -> str:
    """What the examples will be: what is wanted if the modality has it, else what it has."""
    return wanted if wanted in modality.representations else modality.representations[0]


def check_settings(modality: type, settings: Mapping[str, Any], source: Any) -> dict[str, Any]:
    """The settings that were given, checked. Raises UserError where one isn't the modality's, or makes no sense."""
    checked = {}
    for name, value in settings.items():
        if value is None:
            continue
        if name not in modality.settings:
            shown = f"'{source}'" if isinstance(source, str) else "this"
            theirs = f"theirs are: {', '.join(modality.settings)}" if modality.settings else "they have none"
            raise UserError(
                f"'{name}' is not a setting of {modality.plural}, and {shown} is {modality.plural}.",
                f"Leave it out; {theirs}.",
            )
        checked[name] = modality.settings[name].check(value)
    return checked
