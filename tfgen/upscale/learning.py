"""Learns to enlarge, once for a run and a factor, and keeps it beside the run's weights."""

import io
import json
import math
import time
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from tfgen import files
from tfgen.console import Preparation, duration, say
from tfgen.errors import UserError
from tfgen.run import Run, now
from tfgen.trust.energy import Meter
from tfgen.upscale.network import Upscaler
from tfgen.upscale.pairs import decibels, enlarged, open_pairs

FACTORS = (2, 4)
VERSION = 1  # raise it whenever the network or its training changes
MINUTES = 1.0
_RATE = 2e-3
_JUDGED_AT_ONCE = 8
_RECORD = "record"


@dataclass(frozen=True)
class Learned:
    """A network that enlarges by a factor, and what is known of it.

    decibels: how near it comes to held-out pictures (peak signal-to-noise ratio); bicubic: how near plain bicubic
    interpolation does. original: whether it learned from files larger than what the run makes.
    """

    by: int
    steps: int
    pictures: int
    original: bool
    decibels: float
    bicubic: float
    created: str
    energy: dict[str, Any]
    network: Upscaler = field(compare=False, repr=False)

    def in_words(self) -> str:
        beside = f"{self.decibels:.1f} dB from held-out pictures; bicubic interpolation comes to {self.bicubic:.1f}"
        source = "the files themselves" if self.original else "its own pictures and their halves, the files being small"
        better = "" if self.decibels > self.bicubic else " It is no better: give it more --minutes, or more pictures."
        return f"Learned from {source}: {beside}.{better}"

    def to_json(self) -> dict[str, Any]:
        facts = {name: value for name, value in self.__dict__.items() if name != "network"}
        return {"format": VERSION, **facts}


def open_learned(run: Run, by: int, minutes: float | None = None, steps: int | None = None) -> Learned:
    """The network of a run that enlarges by so much; learned where there is none yet, or by a request for a time.

    Args:
        minutes, steps: how long it learns; by default a minute, and not again.

    Raises:
        UserError: the run makes no pictures, is private, or its data is gone; or the factor is none.
    """
    check(run, by)
    kept = None if minutes or steps else _read(run, by)
    if kept is not None:
        return kept
    with Meter() as meter:
        pairs = open_pairs(run, by)
        keras.utils.set_random_seed(0)
        network = Upscaler(pairs.sizes[0][0].shape[3])
        seconds = None if steps else 60.0 * (minutes or MINUTES)
        sides = " and ".join("x".join(map(str, large.shape[1:3])) for _, large in pairs.sizes)
        for_long = f"for {duration(seconds)}" if seconds else f"for {steps} steps"
        say(f"Learning to enlarge {for_long}, from {len(pairs.sizes[0][0])} pictures at {sides}, once for this run ...")
        clock = Clock(seconds, steps)
        # By squares: absolute differences left edges as bicubic interpolation has them (docs/log.md).
        network.compile(keras.optimizers.Adam(_RATE), "mse", jit_compile=False)
        network.fit(pairs.batches(), epochs=1, verbose=0, shuffle=False, callbacks=[clock])
        told = [_judged(network, small, large) for small, large in pairs.apart()]
        own, bicubic = np.mean(told, axis=0)
    learned = Learned(
        by, clock.steps, sum(len(small) for small, _ in pairs.sizes), pairs.original, float(own), float(bicubic), now(),
        meter.spent().to_json(), network,
    )
    _write(run, learned)
    return learned


def check(run: Run, by: int) -> None:
    """Raises UserError where nothing can be learned for a run."""
    from tfgen.restore import open_modality

    if by not in FACTORS:
        raise UserError(f"Pictures can't be enlarged by {by}.", "Give --by 2 or 4.")
    modality = open_modality(run)
    if not modality.can_be_upscaled:
        raise UserError(f"'{run.name}' makes {modality.plural}; pictures are enlarged.", "Name a run of pictures.")
    if "privacy" in run.record:
        raise UserError(
            f"'{run.name}' is private, and a network that learned from its pictures would give them away.",
            "Enlarge its samples with a run of other pictures.",
        )


class Clock(keras.callbacks.Callback):
    """Ends after so many seconds or steps, and lowers the learning rate along half a cosine until then."""

    def __init__(self, seconds: float | None, steps: int | None):
        super().__init__()
        self.seconds, self.most, self.steps = seconds, steps, 0
        self._began: float | None = None
        self._news = Preparation("... {left} left", every=15.0)

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        share = min(1.0, self._share())
        self.model.optimizer.learning_rate.assign(_RATE * 0.5 * (1.0 + math.cos(math.pi * share)))

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self.steps = batch + 1
        self._began = self._began or time.monotonic()  # the first step has the tracing
        share = self._share()
        self._news.show(round(1000 * share), 1000)
        self.model.stop_training = share >= 1.0

    def _share(self) -> float:
        if self.most:
            return self.steps / self.most
        return 0.0 if self._began is None else (time.monotonic() - self._began) / self.seconds


def _judged(network: Upscaler, small: np.ndarray, large: np.ndarray) -> tuple[float, float]:
    """Decibels to the larger pictures, of the network and of bicubic interpolation."""
    made = np.concatenate([enlarge(network, small[at:at + _JUDGED_AT_ONCE], 2)
                           for at in range(0, len(small), _JUDGED_AT_ONCE)])
    return decibels(large, made), decibels(large, enlarged(small, large.shape[1:3], "BICUBIC"))


def enlarge(network: Upscaler, pictures: np.ndarray, by: int) -> np.ndarray:
    """Pictures uint8 [n, h, w, c] with sides `by` times as long."""
    made = network.enlarge(np.asarray(pictures, np.float32) / 255.0, by).numpy()
    return np.rint(255.0 * made).astype(np.uint8)


# What is kept.


def _path(run: Run, by: int) -> Any:
    return run.path / "upscalers" / f"x{by}.npz"


def _write(run: Run, learned: Learned) -> None:
    content = io.BytesIO()
    weights = {f"{place:03d}": array for place, array in enumerate(learned.network.get_weights())}
    np.savez(content, **weights, **{_RECORD: np.array(json.dumps(learned.to_json()))})
    _path(run, learned.by).parent.mkdir(exist_ok=True)
    files.write_bytes(_path(run, learned.by), content.getbuffer())


def _read(run: Run, by: int) -> Learned | None:
    """What `_write` wrote; None where there is none, where it is of another version, or damaged."""
    import zipfile

    try:
        with np.load(_path(run, by), allow_pickle=False) as stored:
            record = json.loads(str(stored[_RECORD]))
            weights = [stored[name] for name in sorted(stored.files) if name != _RECORD]
        if record.pop("format") != VERSION:
            return None
        network = Upscaler(weights[0].shape[2])
        network.set_weights(weights)
        return Learned(**record, network=network)
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile):
        return None
