"""Prompt adherence: whether a classifier sees in a sample what was asked for."""

import math

import numpy as np

from tfgen.evaluate.metrics import metric


@metric(prompt_adherence="higher")
def prompt_adherence(asked: np.ndarray, recognised: np.ndarray) -> dict[str, float]:
    """The share of samples recognised as the prompt that they were made for, places [n] and [n].

    Not-a-number where no prompt is known.
    """
    known = asked >= 0
    return {"prompt_adherence": float(np.mean(asked[known] == recognised[known])) if known.any() else math.nan}
