"""Text that is ready for training."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfgen.modalities.text.codec import TextCodec
from tfgen.modalities.text.learning import KINDS
from tfgen.modalities.text.modality import NOUNS
from tfgen.representations.sequences.examples import SequenceExamples


@dataclass(frozen=True, eq=False)
class TextExamples(SequenceExamples):
    """See SequenceExamples; its units are characters."""

    codec: TextCodec

    @property
    def unit(self) -> str:
        return NOUNS[self.kind]

    def kept(self, settings: dict[str, Any]) -> dict[str, Any]:
        if settings.get("tokenizer") in (None, "auto", *KINDS):
            return settings
        return {**settings, "tokenizer": str(Path(settings["tokenizer"]).expanduser().absolute())}
