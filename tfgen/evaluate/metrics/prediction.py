"""How well a model of text predicts text that it never saw: by token, and by character."""

import math

import numpy as np

from tfgen.evaluate.metrics import metric


@metric(bits_per_character="lower")
def bits_per_character(unseen_texts: np.ndarray) -> dict[str, float]:
    """The bits that it takes to write unseen text down with the model's help, per character.

    All nats of [m, 3] (nats, tokens, characters of each piece), over the natural logarithm of 2, over all characters.
    The end of a document costs nats like any token, and counts as one character. So models with different tokens
    can be compared: the same text has the same characters.
    """
    return {"bits_per_character": bits(unseen_texts)}


@metric(depends_on="tokenizer", perplexity="lower")
def perplexity(unseen_texts: np.ndarray) -> dict[str, float]:
    """The exponential of the mean nats of a token in [m, 3]: among how many tokens it is as unsure, on average.

    Not-a-number without any token.
    """
    nats, tokens, _ = unseen_texts.sum(axis=0)
    return {"perplexity": math.exp(min(nats / tokens, 700.0)) if tokens else math.nan}


def bits(texts: np.ndarray) -> float:
    """Bits per character of pieces [m, 3]; not a number without any character."""
    nats, _, characters = texts.sum(axis=0)
    return float(nats / math.log(2) / characters) if characters else math.nan
