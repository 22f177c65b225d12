"""What tells two groups of texts apart: a linear classifier of the short strings of bytes in them, by least squares."""

from collections.abc import Sequence

import numpy as np

_LONGEST = 4  # bytes of a sequence that is counted
_BUCKETS = 2**15  # that sequences are hashed into
_MIX = 2654435761  # 2^32 divided by the golden ratio: spreads neighbouring numbers
_PENALTY = 1.0  # on the weights, where every text's counts have the length 1


def judge(real: Sequence[str], made: Sequence[str]) -> np.ndarray:
    """Scores float [n, 2] of the second halves of both groups, real first: the higher, the more like `made`.

    The first halves are learned from.
    """
    half = min(len(real), len(made)) // 2
    if not half:
        return np.zeros([0, 2])
    learned = _counts([*real[:half], *made[:half]])
    judged = _counts([*real[half : 2 * half], *made[half : 2 * half]])
    middle = learned.mean(axis=0)
    learned, judged = learned - middle, judged - middle
    wanted = np.repeat([-1.0, 1.0], half)
    # Fewer texts than buckets, so the weights are found as a sum of texts.
    shares = np.linalg.solve(learned @ learned.T + _PENALTY * np.eye(2 * half), wanted)
    return (judged @ (learned.T @ shares)).reshape(2, -1).T


def _counts(texts: Sequence[str]) -> np.ndarray:
    """float32 [n, buckets]: roots of how often each sequence is in each text, brought to the length 1."""
    rows = np.zeros([len(texts), _BUCKETS], np.float32)
    for row, text in zip(rows, texts, strict=True):
        content = np.frombuffer(text.encode("utf-8", "replace"), np.uint8).astype(np.uint32)
        code = np.zeros(len(content), np.uint32)
        for length in range(1, min(_LONGEST, len(content)) + 1):
            code = (code[: len(content) - length + 1] << np.uint32(8)) + content[length - 1 :]
            mixed = code * np.uint32(_MIX) + np.uint32(length * _MIX % 2**32)
            row += np.bincount(mixed >> np.uint32(17), minlength=_BUCKETS)
    rows = np.sqrt(rows)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
