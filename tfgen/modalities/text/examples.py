"""Text that is ready for training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen.modalities.text.codec import TextCodec
from tfgen.representations.sequences.examples import SequenceExamples


@dataclass(frozen=True, eq=False)
class TextExamples(SequenceExamples):
    """See SequenceExamples; its units are characters."""

    codec: TextCodec

    def kept(self, settings: dict[str, Any]) -> dict[str, Any]:
        if self.codec.tokenizer.kind != "given" or "tokenizer" not in settings:
            return settings
        return {**settings, "tokenizer": str(Path(settings["tokenizer"]).expanduser().absolute())}
