"""Samples that are drawn anew because they are not as they should be: by seeds that follow from their own, so that a
seed gives the same sample in Python and from a server."""

from typing import Any

_LAST_SEED = 2**31 - 1


def seeds_of_round(seeds: Any, number: Any) -> Any:
    """The seeds of a round of drawing anew, for samples that were drawn by int64 seeds [n] at first."""
    return (seeds * 1000003 + number * 7919) % _LAST_SEED
