"""How an export's answers compare with its model's. Imports nothing heavy."""

from dataclasses import dataclass

import numpy as np

from tfgen.export.formats import Tolerance

Pairs = list[tuple[np.ndarray, np.ndarray]]  # what the model answers and what the export did, for each call

_NO_NOISE = 200.0  # dB; what is written where two answers are the same to the last bit


@dataclass(frozen=True)
class Agreement:
    """How one output of one signature compares, over all batches."""

    signature: str
    output: str
    difference: float  # the largest
    decibels: float  # peak signal-to-noise ratio; the peak is 1 for examples, else the range of the model's answers
    perplexity: float | None = None  # of a text by the export against by the model, as a share more (or less)

    def within(self, tolerance: Tolerance) -> bool:
        """Whether it is close enough; an answer that is not a number never is."""
        if not np.isfinite(self.difference):
            return False
        if tolerance.perplexity is not None:
            return self.perplexity is None or abs(self.perplexity) <= tolerance.perplexity
        if tolerance.decibels is not None:
            return self.decibels >= tolerance.decibels
        return self.difference <= tolerance.difference


def agreement_of(signature: str, output: str, pairs: Pairs, bounded: bool = False, relative: bool = False) -> Agreement:
    """Compares value by value; what is masked in the model's answers may be anything.

    Args:
        pairs: arrays of the same shape; of another shape, or other strings, they don't agree at all.
        bounded: whether the values lie in [0, 1].
        relative: whether the difference is a share of the model's largest value, where that is above 1.
    """
    if any(want.shape != got.shape for want, got in pairs):
        return Agreement(signature, output, float("inf"), float("-inf"))
    if pairs[0][0].dtype.kind not in "biuf":
        same = all((_chosen(want, want).astype("S") == _chosen(got, want)).all() for want, got in pairs)
        return Agreement(signature, output, *((0.0, _NO_NOISE) if same else (float("inf"), float("-inf"))))
    want = np.concatenate([_chosen(want, want).astype(np.float64) for want, _ in pairs])
    got = np.concatenate([_chosen(got, want).astype(np.float64) for want, got in pairs])
    if not len(want):
        return Agreement(signature, output, 0.0, _NO_NOISE)
    noise, peak = np.mean(np.square(want - got)), 1.0 if bounded else max(np.ptp(want), 1e-12)
    decibels = min(10 * np.log10(peak**2 / noise), _NO_NOISE) if noise else _NO_NOISE
    scale = max(1.0, np.max(np.abs(want))) if relative else 1.0
    return Agreement(signature, output, float(np.max(np.abs(want - got)) / scale), float(decibels))


def _chosen(values: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Those that are not masked in `want`, in a row."""
    return np.ma.getdata(values)[~np.ma.getmaskarray(want)]
