"""How the next token is chosen, and where a sequence ends: the options of `tfgen generate` and `tfgen chat`."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfgen.arguments import names, number, whole
from tfgen.errors import UserError

_MOST = 10**6
_BEAMS = "It is how many sequences are searched at once."


@dataclass(frozen=True)
class SamplingSettings:
    """Raises UserError for a value that makes no sense."""

    temperature: float = 0.8  # 0 takes the likeliest
    top_k: int = 0  # 0 for all
    top_p: float = 0.95
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    beams: int = 0  # 0: no search, but chance
    length: int = 200  # new tokens, at the most
    stop: tuple[str, ...] = ()
    attempts: int | None = None  # at a sequence that is as its prompt asks; None where that can't be counted

    def __post_init__(self):
        # Written so that a number that is none ("nan") is out of range too.
        if not 0 <= self.temperature <= 100:
            raise _wrong("temperature", self.temperature, "0 and 100", "0 takes the likeliest token; 0.8 is usual.")
        if not 0 <= self.top_k <= _MOST:
            raise _wrong("top_k", self.top_k, f"0 and {_MOST}", "It is how many tokens may be chosen; 0 is for all.")
        if not 0 < self.top_p <= 1:
            raise _wrong("top_p", self.top_p, "0 and 1, and above 0", "It is a probability; 1 is for all tokens.")
        if not 0 <= self.min_p <= 1:
            raise _wrong("min_p", self.min_p, "0 and 1", "It is a share of the likeliest's probability; 0 is for all.")
        if not 0.1 <= self.repetition_penalty <= 10:
            raise _wrong("repetition_penalty", self.repetition_penalty, "0.1 and 10", "1 is for none; 1.2 is usual.")
        if not 0 <= self.beams <= 64:
            raise _wrong("beams", self.beams, "1 and 64", _BEAMS)
        if not 1 <= self.length <= _MOST:
            raise _wrong("length", self.length, f"1 and {_MOST}", "It is the largest number of new tokens.")
        if self.attempts is not None and not 1 <= self.attempts <= 1000:
            what = "It is how often a sequence is drawn at the most, until it is as asked."
            raise _wrong("attempts", self.attempts, "1 and 1000", what)
        if "" in self.stop:
            raise UserError("A text to stop at must not be empty.", "Give --stop some letters, or leave it out.")

    @classmethod
    def of(cls, options: Mapping[str, Any], usual: Mapping[str, Any] = {}) -> "SamplingSettings":
        """From the options that were given. Raises UserError where one is none, or they contradict each other.

        usual: what holds where an option isn't given, in place of the defaults.
        """
        options = {name: _READ[name](name, value) for name, value in options.items()}
        if "beams" in options and options["beams"] < 1:
            raise _wrong("beams", options["beams"], "1 and 64", _BEAMS)
        chance = [name for name in _OF_CHANCE if name in options]
        if options.get("beams") and chance:
            names = " and ".join("--" + name.replace("_", "-") for name in chance)
            what = f"--beams searches for the likeliest text without chance, so it takes no {names}."
            raise UserError(what, "Leave one of them out.")
        kept = {name: value for name, value in usual.items() if not options.get("beams") or name == "length"}
        return cls(**{**kept, **options})

    def rungs(self, temperatures: str) -> list["SamplingSettings"]:
        """The same at each of several temperatures, "0.3,0.7,1.1". Raises UserError for what is none."""
        try:
            values = [float(each) for each in str(temperatures).split(",")]
        except ValueError:
            what = f"'{temperatures}' is no ladder of temperatures."
            raise UserError(what, "Write numbers with commas between them: --ladder 0.3,0.7,1.1") from None
        if self.beams:
            raise UserError("A search has no temperature.", "Leave --beams or --ladder out.")
        return [dataclasses.replace(self, temperature=value) for value in values]

    def sampling(self, seeds: Sequence[int]) -> Any:
        """A Sampling for rows with these seeds; what changes nothing is left out of the graph."""
        import tensorflow as tf

        from tfgen.representations.sequences.sampling import Sampling

        def filled(value: float, kind: Any) -> Any:
            return tf.fill([len(seeds)], tf.constant(value, kind))

        return Sampling(
            tf.constant(seeds, tf.int32),
            filled(self.temperature, tf.float32),
            filled(self.top_k, tf.int32),
            filled(self.top_p, tf.float32),
            filled(self.min_p, tf.float32) if self.min_p else None,
            filled(self.repetition_penalty, tf.float32) if self.repetition_penalty != 1 else None,
        )

    def to_json(self) -> dict[str, Any]:
        """What was in force, by the options' names."""
        facts = dataclasses.asdict(self)
        unused = {"beams"} if self.attempts else {"beams", "attempts"}
        names = ("beams", "length", "stop") if self.beams else [name for name in facts if name not in unused]
        return {name: list(facts[name]) if name == "stop" else facts[name] for name in names}


_OF_CHANCE = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "attempts")
_READ = {
    **dict.fromkeys(("temperature", "top_p", "min_p", "repetition_penalty"), number),
    **dict.fromkeys(("top_k", "beams", "length", "attempts"), whole),
    "stop": lambda name, value: names(value),
}


def _wrong(name: str, value: float, limits: str, what_to_do: str) -> UserError:
    return UserError(f"{name} must be between {limits}, not {value:.10g}.", what_to_do)
