"""Samples that are steered: drawn nearer to what is usual, the better ones alone, on a walk, or like an example.

All of it happens in the latents that a model decodes; options are checked before TensorFlow is loaded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tfgen.errors import UserError
from tfgen.representations.arrays.sampler import BATCH, ArraySampler
from tfgen.restore import made_of

FRAMES = 60
_MOST_FRAMES = 10_000
_STEPS = 300  # of the search for latents
_RATE = 0.05
_STARTS = 256  # seeds that are tried before a search
_PRIOR = 1e-4  # weight of a latent's squared length beside the mean squared error
_SPREAD = 0.3  # of variations, in standard deviations
_STREAM = 11  # of the noise of variations


class Waypoint(NamedTuple):
    """Where a walk begins, ends or turns."""

    prompt: str
    seed: int | None

    @classmethod
    def parse(cls, text: Any) -> "Waypoint":
        """"seven", "seven@3" or "@3": a prompt, and behind an @ the seed. Raises UserError for what is no seed."""
        if not isinstance(text, str):
            raise UserError(f"{text!r} is no place for a walk.", "Write a prompt, or prompt@seed, such as seven@3.")
        prompt, sign, seed = text.rpartition("@")
        if not sign:
            return cls(text, None)
        try:
            return cls(prompt, int(seed))
        except ValueError:
            raise UserError(f"'{seed}' is no seed.", "Write prompt@seed, such as seven@3.") from None


@dataclass(frozen=True)
class Steering:
    """How samples are steered; by default not at all.

    truncation: how far from the mean of its prompt a sample may lie, as a share (Marchesi 2017; Karras et al. 2019).
    reject: the share of samples that are left out, the model's own worst (Azadi et al. 2019).
    walk: places that frames lead through, and back to the first where it is a loop.
    like: a file whose variations are wanted. fill: a mask, white where it is to be completed.
    """

    truncation: float = 1.0
    reject: float = 0.0
    walk: tuple[Waypoint, ...] = ()
    frames: int = FRAMES
    loop: bool = False
    like: Path | None = None
    fill: Path | None = None

    OPTIONS = ("truncation", "reject", "interpolate", "frames", "loop", "like", "fill")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Steering":
        """From options as they were given. Raises UserError where one makes no sense."""
        truncation, reject = (_number(options, name, usual) for name, usual in (("truncation", 1.0), ("reject", 0.0)))
        if not 0.0 <= truncation <= 2.0:
            raise UserError(f"truncation must be between 0 and 2, not {truncation:g}.", "Give one such as 0.7.")
        if not 0.0 <= reject <= 0.99:
            raise UserError(f"reject must be between 0 and 0.99, not {reject:g}.", "Give one such as 0.5.")
        frames = options.get("frames", FRAMES)
        if not 2 <= frames <= _MOST_FRAMES:
            raise UserError(f"frames must be between 2 and {_MOST_FRAMES}, not {frames}.", "Give one such as 60.")
        walk, like, fill = _walk_of(options.get("interpolate", ())), options.get("like"), options.get("fill")
        if not walk and ("frames" in options or options.get("loop")):
            raise UserError("There is no walk to make frames of.", "Name its ends: --interpolate FROM TO")
        if fill and not like:
            raise UserError("A mask needs an example to complete.", "Name it with --like.")
        if walk and (like or reject):
            raise UserError("A walk is neither like an example nor are its frames left out.", "Leave one of them out.")
        if like and (reject or truncation != 1.0):
            raise UserError("What is like an example is not drawn by chance.", "Leave --truncation and --reject out.")
        paths = [None if path is None else Path(path) for path in (like, fill)]
        return cls(truncation, reject, walk, int(frames), bool(options.get("loop")), *paths)

    @property
    def stops(self) -> tuple[Waypoint, ...]:
        """The places of the walk, the first again where it is a loop."""
        return (*self.walk, self.walk[0]) if self.loop else self.walk


def _number(options: Mapping[str, Any], name: str, usual: float) -> float:
    try:
        return float(options.get(name, usual))
    except (TypeError, ValueError):
        raise UserError(f"{name} must be a number, not {options[name]!r}.", "Give one such as 0.7.") from None


def _walk_of(pairs: Sequence[Any]) -> tuple[Waypoint, ...]:
    """("a", "b"), or [("a", "b"), ("b", "c")], as the places a, b, c."""
    pairs = [pairs] if pairs and isinstance(pairs[0], str) else list(pairs)
    stops: list[Waypoint] = []
    for pair in pairs:
        places = [Waypoint.parse(text) for text in pair]
        stops += places[1:] if stops and places and stops[-1] == places[0] else places
    if len(stops) == 1:
        raise UserError("A walk needs two places.", "Name both: --interpolate FROM TO")
    return tuple(stops)


def sampler_of(model: Any, truncation: float) -> ArraySampler:
    """A sampler of what `model.generate` gives, its latents drawn towards the mean of their prompt."""
    return made_of(model, ("sampler", truncation), lambda: _sampler_of(model, truncation))


def _sampler_of(model: Any, truncation: float) -> ArraySampler:
    def sample(seeds: Any, prompts: Any) -> Any:
        if truncation == 1.0:
            return model.generate(seeds, prompts)
        prompts = model.filled_prompts(seeds, prompts)
        middle = model.mean_latents(prompts)
        return model.decode(middle + truncation * (model.latents(seeds, prompts) - middle), prompts)

    return ArraySampler(sample, model.conditions.longest)


def best_seeds(model: Any, sampler: ArraySampler, ids: np.ndarray, seeds: np.ndarray, count: int) -> np.ndarray:
    """The `count` of the seeds whose samples the model itself finds most like its data, in their order.

    Raises:
        UserError: the model can't judge.
    """
    import tensorflow as tf

    if "scores" not in model.measurements():
        raise UserError("This model can't judge its samples.", "Leave --reject out.")
    shape = [BATCH, *model.example.shape]
    words = model.conditions.longest
    score = tf.function(
        lambda examples, seeds, prompts: model.measurements()["scores"](examples, model.filled_prompts(seeds, prompts)),
        input_signature=[
            tf.TensorSpec(shape), tf.TensorSpec([BATCH], tf.int32), tf.TensorSpec([BATCH, words], tf.int32)
        ],
        autograph=False,
    )
    prompts = tf.constant(np.tile(ids, [BATCH, 1]), tf.int32)
    scores = []
    for start in range(0, len(seeds), BATCH):
        part = np.resize(seeds[start : start + BATCH], BATCH)  # the last one filled up by its own first
        scores.append(score(sampler(part, prompts.numpy()), tf.constant(part, tf.int32), prompts).numpy())
    scores = np.concatenate(scores)[: len(seeds)]
    return np.sort(seeds[np.argsort(-scores, kind="stable")[:count]])


def walk(model: Any, stops: Sequence[tuple[int, np.ndarray]], frames: int, truncation: float, loop: bool) -> np.ndarray:
    """Encoded frames [frames, ...] from stop to stop, each a seed and word ids [words].

    Latents go along the sphere (White 2016), prompts along the line between them. A loop doesn't show its first frame
    again at the end.
    """
    import tensorflow as tf

    ids = tf.constant(np.stack([each for _, each in stops]), tf.int32)
    seeds = tf.constant([seed for seed, _ in stops], tf.int32)
    ids = model.filled_prompts(seeds, ids)
    middle = model.mean_latents(ids)
    latents = (middle + truncation * (model.latents(seeds, ids) - middle)).numpy()
    conditions = model.condition(ids).numpy()
    places = np.linspace(0, len(stops) - 1, frames, endpoint=not loop)
    first = np.minimum(places.astype(int), len(stops) - 2)
    share = (places - first)[:, None].astype(np.float32)
    way = _along_the_sphere(latents[first], latents[first + 1], share)
    condition = (1 - share) * conditions[first] + share * conditions[first + 1]
    length = (1 - share) * _length(conditions[first]) + share * _length(conditions[first + 1])
    condition *= length / np.maximum(_length(condition), 1e-9)
    return decoded(model, way, condition)


def _length(rows: np.ndarray) -> np.ndarray:
    return np.linalg.norm(rows, axis=1, keepdims=True)


def _along_the_sphere(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Rows between `start` and `end` [n, d]: the direction turns evenly, and the length changes evenly."""
    lengths = _length(start), _length(end)
    directions = start / np.maximum(lengths[0], 1e-9), end / np.maximum(lengths[1], 1e-9)
    angle = np.arccos(np.clip(np.sum(directions[0] * directions[1], axis=1, keepdims=True), -1.0, 1.0))
    flat = np.sin(angle) < 1e-4  # hardly a turn, or one that could go any way
    sine = np.where(flat, 1.0, np.sin(angle))
    turned = (np.sin((1 - share) * angle) * directions[0] + np.sin(share * angle) * directions[1]) / sine
    straight = (1 - share) * directions[0] + share * directions[1]
    direction = np.where(flat, straight, turned)
    return (((1 - share) * lengths[0] + share * lengths[1]) * direction).astype(np.float32)


def decoded(model: Any, latents: np.ndarray, conditions: np.ndarray) -> np.ndarray:
    """Encoded samples of latents [n, latent_dim] and conditions [n, words], in batches of one size."""
    return decoder_of(model)(latents, conditions)


def decoder_of(model: Any) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """`decoded` of a model as a function that is traced once, also where its weights change."""
    import tensorflow as tf

    function = tf.function(model.decode_condition, reduce_retracing=True, autograph=False)

    def decode(latents: np.ndarray, conditions: np.ndarray) -> np.ndarray:
        missing = -len(latents) % BATCH
        latents, conditions = (np.pad(each, [[0, missing], [0, 0]]) for each in (latents, conditions))
        parts = [
            function(tf.constant(latents[at : at + BATCH]), tf.constant(conditions[at : at + BATCH])).numpy()
            for at in range(0, len(latents), BATCH)
        ]
        return np.concatenate(parts)[: len(latents) - missing]

    return decode


class Found(NamedTuple):
    """Encoded samples [n, ...] that are like an example, their prompts' ids, and how near the nearest came: the root of
    the mean squared error over what is known, as a share of the values' range."""

    samples: np.ndarray
    prompts: np.ndarray
    apart: float


def find_like(model: Any, target: np.ndarray, known: np.ndarray, ids: np.ndarray, seeds: np.ndarray) -> Found:
    """Samples like an encoded example, where `known` (bool, of its shape) says that it must be alike.

    A model with an encoder begins from what that says of a whole example; else from the nearest of many samples, and
    then the latents are improved step by step (Creswell & Bharath 2018; Yeh et al. 2017 for a part of an example). Each
    seed begins elsewhere, and where all is known varies what was found.
    """
    import tensorflow as tf

    whole = bool(known.all())
    weights = tf.constant(known / known.mean(), tf.float32)
    wanted = tf.constant(target[None], tf.float32)
    count = len(seeds)
    if whole and hasattr(model, "encode"):
        prompts = model.filled_prompts(tf.constant(seeds), tf.constant(np.tile(ids, [count, 1]), tf.int32))
        mean, log_variance = model.encode(tf.repeat(wanted, count, axis=0), prompts)
        spread = np.exp(0.5 * log_variance.numpy())
        latents = mean.numpy()
    else:
        latents, prompts = _searched(model, wanted, weights, ids, seeds)
        spread = np.full(latents.shape, _SPREAD, np.float32)
    conditions = model.condition(prompts).numpy()
    nearest = decoded(model, latents, conditions)
    apart = _apart(nearest, target, known)
    if whole:
        from tfgen.models import noise

        chance = noise.normal(tf.constant(seeds), latents.shape[1], stream=_STREAM).numpy()
        best = np.argmin(apart)
        latents = (latents[best] + spread * chance).astype(np.float32)
        conditions = np.tile(conditions[best], [count, 1])
        prompts = tf.repeat(prompts[best : best + 1], count, axis=0)
        nearest = decoded(model, latents, conditions)
    return Found(nearest, prompts.numpy(), float(apart.min()))


def _searched(model: Any, wanted: Any, weights: Any, ids: np.ndarray, seeds: np.ndarray) -> tuple[np.ndarray, Any]:
    """Latents [n, latent_dim] whose samples come near, and word ids [n, words]."""
    import keras
    import tensorflow as tf

    count = len(seeds)
    tried = tf.constant(np.arange(_STARTS, dtype=np.int32) + int(seeds[0]) % 2**20)
    prompts = model.filled_prompts(tried, tf.constant(np.tile(ids, [_STARTS, 1]), tf.int32))
    latents = model.latents(tried, prompts)
    made = decoded(model, latents.numpy(), model.condition(prompts).numpy())
    error = np.mean(np.square(made - wanted.numpy()) * weights.numpy(), axis=tuple(range(1, made.ndim)))
    # Several completions begin from several good places, not all from the best.
    best = np.resize(np.argsort(error, kind="stable")[: max(1, min(count, _STARTS // 4))], count)
    prompts, condition = tf.gather(prompts, best), model.condition(tf.gather(prompts, best))
    variable, adam = tf.Variable(tf.gather(latents, best)), keras.optimizers.Adam(_RATE)
    adam.build([variable])

    @tf.function
    def improve() -> None:
        for _ in tf.range(_STEPS):
            with tf.GradientTape() as tape:
                made = model.decode_condition(variable, condition)
                axes = list(range(1, len(made.shape)))
                error = tf.reduce_mean(tf.square(made - wanted) * weights, axis=axes)
                loss = tf.reduce_sum(error + _PRIOR * tf.reduce_sum(tf.square(variable), axis=1))
            adam.apply([tape.gradient(loss, variable)], [variable])

    improve()
    return variable.numpy(), prompts


def _apart(samples: np.ndarray, target: np.ndarray, known: np.ndarray) -> np.ndarray:
    """[n], on the values' range of 2 inside a model."""
    squares = np.square(samples - target) * known
    return np.sqrt(squares.reshape(len(samples), -1).sum(axis=1) / max(int(known.sum()), 1)) / 2.0
