"""The formats' numbers, and how far from the model an export in each may be. Imports nothing heavy."""

from dataclasses import dataclass

# Of TFLite files: int8 is the quick one, int8-weights the small one. Which of them suit a
# representation, and how far each may be from the model, its class in catalog.ENGINES says.
NUMBER_FORMATS = ("float32", "float16", "int8", "int8-weights")
SAVED_MODEL = "saved-model"


@dataclass(frozen=True)
class Tolerance:
    """How far an export may be from its model, by one of: a difference, a ratio of signal to noise, a perplexity."""

    difference: float | None = None  # at most
    decibels: float | None = None  # at least
    perplexity: float | None = None  # at most this share more or less, of a text's perplexity

    def text(self) -> str:
        if self.perplexity is not None:
            return f"at most {100 * self.perplexity:g} %"
        return f"at most {self.difference:g}" if self.decibels is None else f"at least {self.decibels:g} dB"
