"""Files become examples: `open_data` reads what the user typed and says what it found.

Knows nothing about models. Nothing here imports TensorFlow but `tfds:` sources.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tfgen.catalog import MODALITIES
from tfgen.errors import UserError

if TYPE_CHECKING:
    from tfgen.data.examples import Examples
    from tfgen.data.text.examples import TextExamples

    AnyExamples = Examples | TextExamples

DEFAULT = "digits"


def open_data(
    source: str | None, *, progress: Callable[[int, int], None] | None = None, **settings: Any
) -> AnyExamples:
    """The examples behind a folder, a file, `tfds:NAME` or the name of an embedded set; None means `digits`.

    `settings` are those of the examples' modality, None for what is to be found from the data. Of pictures: `size`,
    "64" (square) or "48x96" (height x width), and `channels`, 1 (grey) or 3 (colour). Of text: `tokenizer`,
    `vocabulary_size` and `holdout`. `progress(done, total)` is called while examples are being prepared.

    Raises:
        UserError: the source can't be read, or a setting is not one of its modality's.
    """
    from tfgen.data.request import Request
    from tfgen.data.sources import opener_of

    request = Request.parse(DEFAULT if source is None else str(source), settings, progress)
    examples = opener_of(request.source)(request)
    modality = MODALITIES.load(examples.modality)
    for name, value in settings.items():
        if value is not None and name not in modality.settings:
            raise UserError(
                f"'{name}' is no setting of {modality.plural}, and '{request.source}' is {modality.plural}.",
                f"Leave it out; theirs are: {', '.join(modality.settings)}.",
            )
    return examples
