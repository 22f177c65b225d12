"""How the next token is chosen, and where a sequence ends: the options of `tfgen generate` and `tfgen chat`."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfgen.errors import UserError

_MOST = 10**6
_BEAMS = "Give how many ways are searched at once, from 1 to 64."


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

    def __post_init__(self):
        # Written so that a number that is none ("nan") is out of range too.
        if not 0 <= self.temperature <= 100:
            raise _wrong("temperature", self.temperature, "Give 0, for the likeliest token, up to 100; .8 is usual.")
        if not 0 <= self.top_k <= _MOST:
            raise _wrong("top_k", self.top_k, "Give how many of the likeliest tokens may be chosen, or 0 for all.")
        if not 0 < self.top_p <= 1:
            raise _wrong("top_p", self.top_p, "Give a probability above 0 and up to 1, which is for all.")
        if not 0 <= self.min_p <= 1:
            raise _wrong("min_p", self.min_p, "Give a share from 0, which is for all, to 1.")
        if not 0.1 <= self.repetition_penalty <= 10:
            raise _wrong("repetition_penalty", self.repetition_penalty, "Give 1 for none, up to 10; 1.2 is usual.")
        if not 0 <= self.beams <= 64:
            raise _wrong("beams", self.beams, _BEAMS)
        if not 1 <= self.length <= _MOST:
            raise _wrong("length", self.length, f"Give the most new tokens, from 1 to {_MOST}.")
        if "" in self.stop:
            raise UserError("An empty --stop stands everywhere.", "Give it some letters, or leave it out.")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "SamplingSettings":
        """From the options that were given. Raises UserError where they contradict each other."""
        if "beams" in options and options["beams"] < 1:
            raise _wrong("beams", options["beams"], _BEAMS)
        chance = [name for name in ("temperature", "top_k", "top_p", "min_p", "repetition_penalty") if name in options]
        if options.get("beams") and chance:
            names = " and ".join("--" + name.replace("_", "-") for name in chance)
            what = f"--beams searches for the likeliest text without chance, so it takes no {names}."
            raise UserError(what, "Leave one of them out.")
        return cls(**options)

    def sampling(self, seeds: Sequence[int]) -> Any:
        """A tfgen.models.sampling.Sampling for rows with these seeds; what changes nothing is left out of the graph."""
        import tensorflow as tf

        from tfgen.models.sampling import Sampling

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
        names = ("beams", "length", "stop") if self.beams else [name for name in facts if name != "beams"]
        return {name: list(facts[name]) if name == "stop" else facts[name] for name in names}


def _wrong(name: str, value: float, what_to_do: str) -> UserError:
    return UserError(f"--{name.replace('_', '-')} {value} can't be used.", what_to_do)
