"""What a model can do from outside, as named functions with named, batched inputs and outputs."""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class Kind(enum.Enum):
    """What a tensor of a signature is; each has a leading batch dimension."""

    SEED = "seed"  # int32 [batch]
    PROMPT = "prompt"  # int32 [batch, words], word ids; absent where the model knows no prompts
    LATENTS = "latents"  # float32 [batch, latent_dim], what samples are decoded from
    NOISE = "noise"  # float32 [batch, latent_dim], standard normal
    EXAMPLES = "examples"  # float32 [batch, ...], encoded as `train_step` takes them
    TOKENS = "tokens"  # int32 [batch, length], token ids
    LENGTH = "length"  # int32 [batch], how many of a row's tokens count
    LIMIT = "limit"  # int32 [batch], how many new tokens a row may have
    TOKEN = "token"  # int32 [batch], one token id
    POSITION = "position"  # int32 [batch], the place of a token, from 0
    TEMPERATURE = "temperature"  # float32 [batch]; 0 takes the likeliest
    TOP_K = "top_k"  # int32 [batch]; 0 for all
    TOP_P = "top_p"  # float32 [batch]; 1 for all
    CACHE = "cache"  # float32 [batch, ...], what attention keeps of earlier tokens
    LOGITS = "logits"  # float32 [batch, ..., vocabulary]


@dataclass(frozen=True)
class Signature:
    """One thing that a model can do from outside: a function of batched tensors, and what goes in and comes out."""

    function: Callable[..., Any]  # takes the inputs in order; gives the outputs in order, one alone as it is
    inputs: Mapping[str, Kind]
    outputs: Mapping[str, Kind]
    audience: str = "all"  # "server", "phone" or "all"
