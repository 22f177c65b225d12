"""Learns to enlarge, once for a run and a factor, and keeps it beside the run's weights."""

import io
import json
import math
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from tfgen import files
from tfgen.console import Preparation, duration, say, warn
from tfgen.errors import UserError
from tfgen.restore import open_modality
from tfgen.run import Run, now
from tfgen.training.request import check_length
from tfgen.trust.energy import Meter
from tfgen.upscale.network import Upscaler
from tfgen.upscale.pairs import Pairs, decibels, open_pairs, resized

FACTORS = (2, 4)
VERSION = 1  # raise it whenever the network or its training changes
MINUTES = 1.0
_RATE = 2e-3
_JUDGED_AT_ONCE = 8
_RECORD = "record"


@dataclass(frozen=True)
class Learned:
    """A network that enlarges by a factor, and what is known of it.

    pictures: how many it learned from. why: see Pairs. judged_by: by how much held-out pictures were enlarged to judge
    it, which is less than the factor where the files have no more pixels. decibels: how near these came (peak
    signal-to-noise ratio); bicubic: how near bicubic interpolation does.
    """

    by: int
    steps: int
    pictures: int
    why: str
    judged_by: int
    decibels: float
    bicubic: float
    created: str
    energy: dict[str, Any]
    network: Upscaler = field(compare=False, repr=False)

    def in_words(self) -> str:
        source = f"its own pictures and their halves, {self.why}" if self.why else "the files, which have more pixels"
        judged = "" if self.judged_by == self.by else ", enlarged by 2, since there are none to judge more by"
        beside = f"{self.decibels:.1f} dB from held-out pictures{judged}; bicubic interpolation {self.bicubic:.1f}"
        better = "" if self.decibels > self.bicubic else " It is no better: give it more --minutes, or more pictures."
        return f"Learned from {source}. It comes to {beside}.{better}"

    def to_json(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "network"}


def open_learned(run: Run, by: int, minutes: float | None = None, steps: int | None = None) -> Learned:
    """The network of a run that enlarges by so much; learned where there is none yet, or by a request for a time.

    Args:
        minutes, steps: how long it learns; by default a minute, and not again.

    Raises:
        UserError: see `check`; or the run's data is gone.
    """
    check(run, by, minutes, steps)
    learned = _read(run, by) if minutes is None and steps is None else None
    if learned is None:
        learned = _learn(run, by, minutes or MINUTES, steps)
        _write(run, learned)
    say(learned.in_words())
    return learned


def check(run: Run, by: int, minutes: float | None = None, steps: int | None = None) -> None:
    """Raises UserError where the run makes no pictures or is private, or the factor or the length can't be."""
    if by not in FACTORS:
        raise UserError(f"Pictures can't be enlarged by {by}.", "Give --by 2 or 4.")
    check_length(minutes, steps)
    modality = open_modality(run)
    if not modality.can_be_upscaled:
        raise UserError(f"'{run.name}' makes {modality.plural}; pictures are enlarged.", "Name a run of pictures.")
    if "privacy" in run.record:
        raise UserError(
            f"'{run.name}' is private, and a network that learned from its pictures would give them away.",
            "Enlarge its samples with a run of other pictures.",
        )


def _learn(run: Run, by: int, minutes: float, steps: int | None) -> Learned:
    with Meter() as meter:
        pairs = open_pairs(run, by)
        count = len(pairs.learned())
        sides = " and ".join("x".join(map(str, large.shape[1:3])) for _, large in pairs.sizes)
        long = duration(60.0 * minutes) if steps is None else f"{steps} steps"
        say(f"Learning to enlarge for {long}, from {count} pictures at {sides}, which is kept with the run ...")
        keras.utils.set_random_seed(0)
        network, clock = Upscaler(pairs.sizes[0][0].shape[3]), _Clock(60.0 * minutes, steps)
        # By squares: absolute differences left edges as bicubic interpolation has them (docs/log.md).
        network.compile(keras.optimizers.Adam(_RATE), "mse", jit_compile=False)
        # Not by fit(), for the reason that tfgen.evaluate.arrays.detector gives.
        for inputs, outputs in pairs.crops():
            network.optimizer.learning_rate.assign(_RATE * 0.5 * (1.0 + math.cos(math.pi * clock.share())))
            network.train_on_batch(inputs, outputs)
            clock.tick()
            if clock.share() == 1.0:
                break
        own, bicubic = _judged(network, pairs)
    judged_by = 2 ** len(pairs.sizes)
    facts = (by, clock.steps, count, pairs.why, judged_by, own, bicubic, now(), meter.spent().to_json())
    return Learned(*facts, network)


class _Clock:
    """How far the learning is, by seconds, or by steps where they are given."""

    def __init__(self, seconds: float, steps: int | None):
        self.seconds, self.most, self.steps = seconds, steps, 0
        self._began: float | None = None
        self._preparation = Preparation("... {left} left", every=15.0)

    def tick(self) -> None:
        """A step is done."""
        self.steps += 1
        self._began = self._began or time.monotonic()  # the first step has the tracing
        self._preparation.show(round(1000 * self.share()), 1000)

    def share(self) -> float:
        """0 to 1."""
        if self.most:
            return min(1.0, self.steps / self.most)
        return 0.0 if self._began is None else min(1.0, (time.monotonic() - self._began) / self.seconds)


def _judged(network: Upscaler, pairs: Pairs) -> tuple[float, float]:
    """Decibels to held-out pictures, of the network and of bicubic interpolation."""
    small, large = pairs.held_out()
    by, starts = 2 ** len(pairs.sizes), range(0, len(small), _JUDGED_AT_ONCE)
    made = np.concatenate([enlarge(network, small[start:start + _JUDGED_AT_ONCE], by) for start in starts])
    return decibels(large, made), decibels(large, resized(small, large.shape[1:3], "BICUBIC"))


def enlarge(network: Upscaler, pictures: np.ndarray, by: int) -> np.ndarray:
    """Pictures uint8 [n, h, w, c] with sides `by` times as long."""
    made = network.enlarge(np.asarray(pictures, np.float32) / 255.0, by).numpy()
    return np.rint(255.0 * made).astype(np.uint8)


# What is kept.


def _path(run: Run, by: int) -> Path:
    return run.path / "upscalers" / f"x{by}.npz"


def _write(run: Run, learned: Learned) -> None:
    content = io.BytesIO()
    weights = {f"{place:03d}": array for place, array in enumerate(learned.network.get_weights())}
    record = json.dumps({"format": VERSION, **learned.to_json()})
    np.savez(content, **weights, **{_RECORD: np.array(record)})
    try:
        _path(run, learned.by).parent.mkdir(exist_ok=True)
        files.write_bytes(_path(run, learned.by), content.getbuffer())
    except OSError as error:
        warn(f"What was learned can't be kept with '{run.name}': {error.strerror or error}. It is used this once.")


def _read(run: Run, by: int) -> Learned | None:
    """What `_write` wrote; None where there is none, where it is of another version, or damaged."""
    try:
        with np.load(_path(run, by), allow_pickle=False) as stored:
            record = json.loads(str(stored[_RECORD]))
            weights = [stored[name] for name in sorted(stored.files) if name != _RECORD]
        if record.pop("format") != VERSION:
            return None
        network = Upscaler(weights[0].shape[2])
        network.set_weights(weights)
        return Learned(**record, network=network)
    except (OSError, ValueError, LookupError, EOFError, TypeError, AttributeError, zipfile.BadZipFile):
        return None
