"""Texts that bear a run's watermark: how strong it may be, a version of the run that has it, and whether a text does.

The strength is as much as a perplexity may be lost: how much likelier other tokens become than the model has it is
calculated exactly, at many places in its own texts and for many keys, and not estimated from a few drawn texts.
"""

import contextlib
import functools
import math
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfgen import versions
from tfgen.catalog import MODALITIES
from tfgen.console import command_line, say, warn
from tfgen.environment import load_tensorflow
from tfgen.errors import UserError
from tfgen.representations import SEQUENCES
from tfgen.restore import load_model, open_codec
from tfgen.run import BASE, Run, all_runs

KIND = "watermarked"  # of a version
LOST = 0.02  # of the perplexity, unless told otherwise
FALSE_ALARM = 1e-4  # the share of others' texts that are taken for marked ones, at the most, whatever is tried
_MOST_LOST = 1.0
_STRENGTHS = (0.01, 12.0)  # between which one is looked for
_PLACES, _KEYS = 1024, 8  # in the model's own texts, and keys, for which it is calculated
_MOST_NUMBERS = 2**26  # of places times tokens of the vocabulary
_ROWS = 16
MOST_LETTERS = 2**16  # of a text that are read
_MOST_TOKENS = 4096  # of a text that are looked at; fewer where the vocabulary is large
_ANY_TEXT = "Any text, \u00e9ven \u6587."
_SHORTEST_PART = 100  # tokens
_OTHER_KEYS = 1000
_LIKELY = 1e-3  # a probability, below which a token hardly counts


@dataclass(frozen=True)
class Cost:
    """What a strength does on average: the share of the perplexity that is lost, and of green tokens."""

    strength: float
    lost: float
    green: float


@dataclass(frozen=True)
class Trace:
    """What of a text speaks for a run's watermark.

    tokens: of the text, as far as it was looked at, of which so many are green. p_value: of other texts no larger share
        speaks as clearly for a key that they don't know; times the number of keys that were tried.
    """

    run: str
    version: str
    tokens: int
    green: int
    p_value: float

    @property
    def is_found(self) -> bool:
        return self.p_value < FALSE_ALARM

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return vars(self).copy()


def watermark(run: Run, lost: float = LOST, name: str | None = None) -> versions.Version:
    """A version of a run whose texts bear a watermark with a new key; it is in use from now on, exports have it too.

    Args:
        lost: how much of the perplexity it may cost, such as 0.02 for 2 %.

    Raises:
        UserError: the run makes no texts, or the version in use has a watermark.
    """
    if not _says_anything(run):
        plural = MODALITIES.load(run.record["modality"]).samples[1]
        raise UserError(
            f"Only texts can bear a watermark, and '{run.name}' makes {plural}.",
            "What tfgen writes is signed in any case: tfgen verify FILE",
        )
    if not 0 < lost <= _MOST_LOST:
        raise UserError(f"A share of {lost:g} of the perplexity can't be lost.", "Give one such as --lost 0.02.")
    if name is not None:
        versions.check_name(run, name)
    used = None if run.version == BASE else versions.find(run, run.version)
    if used is not None and used.record.get("marked"):
        revert = command_line("runs", "revert", run.name)
        raise UserError(f"'{run.title}' bears a watermark.", f"Without it: {revert}")
    load_tensorflow()
    from tfgen.models.watermark import Watermark

    old = {} if used is None else used.arrays()
    say(f"Looking for the strength that costs {lost:.1%} of the perplexity ...")
    cost = calibrated(load_model(run), lost)
    key = np.array([secrets.randbits(32) - 2**31 for _ in range(2)], np.int32)
    facts = {
        "kind": KIND, "strength": round(cost.strength, 4), "perplexity_lost": round(cost.lost, 4),
        "green_share": round(cost.green, 4), "marked": True,
    }  # fmt: skip
    version = versions.create(run, name or _name(run), {**old, **Watermark(key, cost.strength).arrays()}, facts)
    versions.use(run, version.name)
    return version


def _says_anything(run: Run) -> bool:
    """Whether a run makes sequences whose codec reads any text, so that a stranger's can be looked at."""
    codec = open_codec(run)
    if codec.representation != SEQUENCES:
        return False
    try:
        codec.encode(_ANY_TEXT)
        return True
    except UserError:
        return False


def _name(run: Run) -> str:
    taken, number, name = {BASE, *run.version_names}, 1, KIND
    while name in taken:
        number += 1
        name = f"{KIND}-{number}"
    return name


def calibrated(model: Any, lost: float) -> Cost:
    """The strength that costs a share of the perplexity, by halving."""
    from tfgen.models.watermark import Watermark

    logits, previous = _places_of(model)
    every = np.arange(logits.shape[1], dtype=np.int32)[None]
    greens = [Watermark(np.array([key, 7 * key + 1]), 0.0).is_green(previous, every).numpy() for key in range(_KEYS)]
    low, high = _STRENGTHS
    for _ in range(12):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if cost_of(logits, greens, middle).lost < lost else (low, middle)
    return cost_of(logits, greens, low)


def _places_of(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Logits float32 [n, vocabulary] at places of the model's own texts, and the token before each, int32 [n]."""
    import tensorflow as tf

    from tfgen.representations.sequences.sampling import Sampling

    places = min(_PLACES, _MOST_NUMBERS // model.example.vocabulary_size)
    steps = min(max(1, places // _ROWS), model.context - 1)
    rows = tf.zeros([_ROWS], tf.int32)
    # Drawn as they are: a temperature or a cut would leave out places where the model is unsure.
    sampling = Sampling(tf.range(-_ROWS - 10**6, -(10**6)), tf.ones([_ROWS]), rows, tf.ones([_ROWS]))
    limits = tf.fill([_ROWS], steps)
    ids, length = tf.function(model.generate, autograph=False)(rows[:, None], rows, limits, sampling)
    tokens = np.concatenate([np.full([_ROWS, 1], model.example.start, np.int32), ids.numpy()], axis=1)
    logits = model.logits(tf.constant(tokens[:, :-1])).numpy()
    is_said = np.arange(steps)[None] < length.numpy()[:, None]
    return logits[is_said], tokens[:, :-1][is_said]


def cost_of(logits: np.ndarray, greens: Sequence[np.ndarray], strength: float) -> Cost:
    """What a strength does at some places, as the mean over keys of expectations over tokens, which are exact.

    Perplexity is the exponential of the expected surprise -log p(token) of the model that has no watermark.

    Args:
        logits: float32 [n, vocabulary], of that model. greens: of each key which tokens are green, bool like them.
    """
    log_p = logits - logits.max(axis=1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    plain = -(p * log_p).sum(axis=1)
    nats, share = [], []
    for is_green in greens:
        q = p * np.exp(np.float32(strength) * is_green)
        q /= q.sum(axis=1, keepdims=True)
        nats.append(float(np.mean(-(q * log_p).sum(axis=1) - plain)))
        share.append(float(np.mean((q * is_green).sum(axis=1))))
    return Cost(strength, math.expm1(float(np.mean(nats))), float(np.mean(share)))


def marked_runs(runs: Iterable[Run] | None = None) -> Iterator[tuple[Run, versions.Version]]:
    """The runs here that have a watermark, each with the first version that has it; later ones may share its key."""
    for run in all_runs() if runs is None else runs:
        known: set[bytes] = set()
        for version in versions.every(run):
            if version.record.get("marked"):
                with contextlib.suppress(UserError):
                    key = _watermark_of(version).key.tobytes()
                    if key not in known:
                        known.add(key)
                        yield run, version


def _watermark_of(version: versions.Version) -> Any:
    """A version's watermark. Raises UserError where it is damaged."""
    load_tensorflow()
    from tfgen.models.watermark import Watermark

    try:
        return Watermark.from_arrays(version.arrays())
    except (KeyError, ValueError, TypeError) as error:
        raise UserError(f"The watermark of '{version.name}' is damaged.", "Make another one.") from error


def traces_in(text: str) -> list[Trace]:
    """Of every watermark of the runs here how much a text speaks for it, the most telling first. Loads TensorFlow only
    where there are any.
    """
    found, known = [], list(marked_runs())
    for run, version in known:
        try:
            detector = _detector(str(run.path.resolve()), version.name, version.record["digest"])
            tokens, green, nats = detector.look(text[:MOST_LETTERS])
        except UserError as error:  # one that can't be asked says nothing of the others
            warn(f"The watermark of '{run.name}' can't be looked for: {error.what_is_wrong}")
            continue
        found.append(Trace(run.name, version.name, tokens, green, min(1.0, math.exp(-max(0.0, nats)) * len(known))))
    return sorted(found, key=lambda each: each.p_value)


@functools.lru_cache(4)
def _detector(path: str, version: str, digest: str) -> "_Detector":
    """Kept, since a model takes a while to load."""
    return _Detector(Run.open(path), version)


class _Detector:
    """Looks for one watermark in texts."""

    def __init__(self, run: Run, version: str):
        load_tensorflow()
        import tensorflow as tf

        self._codec, self._mark = open_codec(run), _watermark_of(versions.find(run, version))
        self._model = model = load_model(Run.open(f"{run.path}@{BASE}"))
        self._probabilities = tf.function(lambda window: tf.nn.softmax(model.logits(window)), autograph=False)
        every = tf.range(model.example.vocabulary_size)[None]
        self._list = tf.function(lambda token: self._mark.is_green(token[None], every)[0], autograph=False)
        self._lists: dict[int, np.ndarray] = {}

    def look(self, text: str) -> tuple[int, int, float]:
        """How many tokens follow another one, how many of them are green, and the evidence for the key, in nats."""
        most = min(_MOST_TOKENS, _MOST_NUMBERS // self._model.example.vocabulary_size)
        ids = np.asarray(self._codec.encode(text), np.int32)[:most]
        if len(ids) < 2:
            return 0, 0, 0.0
        previous, tokens = ids[:-1], ids[1:]
        p = self._read(previous)
        is_green = [bool(self._greens(*pair)) for pair in zip(previous.tolist(), tokens.tolist())]
        # A mean of e-values is one too, so that a marked part of a text is told as well.
        nats = np.array([
            evidence(previous[part], tokens[part], p[part], self._greens, self._mark.strength, self._mark.key)
            for part in _parts(len(tokens))
        ])
        return len(tokens), sum(is_green), float(nats.max() + np.log(np.mean(np.exp(nats - nats.max()))))

    def _greens(self, token: int, columns: Any) -> np.ndarray:
        if token not in self._lists:
            self._lists[token] = self._list(np.int32(token)).numpy()
        return self._lists[token][columns]

    def _read(self, previous: np.ndarray) -> np.ndarray:
        """Probabilities float32 [n, vocabulary] of what follows each token, without a watermark.

        Each window gives what no window before it gave, its second half, so that little is predicted from few tokens.
        """
        size, found, start = self._model.context, [], 0
        done = 0
        while done < len(previous):
            window = np.resize(previous[start : start + size], size)
            made = self._probabilities(np.asarray(window[None], np.int32))[0].numpy()[done - start :]
            found.append(made[: len(previous) - done])
            done += len(found[-1])
            start = max(0, done - size // 2)
        return np.concatenate(found)


def _parts(count: int) -> list[slice]:
    """All of a text, and its halves, quarters and eighths, each also moved on by half of its size."""
    parts, size = [slice(0, count)], count // 2
    while size >= _SHORTEST_PART and count < 9 * size:
        parts += [slice(start, start + size) for start in range(0, count - size + 1, max(1, size // 2))]
        size //= 2
    return parts


def evidence(
    previous: np.ndarray, tokens: np.ndarray, probabilities: np.ndarray, greens: Callable, strength: float,
    key: Sequence[int],
) -> float:  # fmt: skip
    """How much clearer tokens speak for a key than for keys by chance: log of an e-value, in nats.

    For the places behind each token by itself, whose green list the key draws by itself: the likelihood of what was
    said under this key, as a share of the mean likelihood under it and under `_OTHER_KEYS` others. Where the text knows
    nothing of the key, all of them are exchangeable, so the expectation of this share is 1, whatever the text and
    however wrong the model; so is that of the product over tokens, and by Markov's inequality it exceeds 1 / a for no
    more than a share of a of the texts (Vovk and Wang 2021, "E-values").

    Args:
        previous, tokens: int32 [n]. probabilities: float32 [n, vocabulary], of the model without a watermark.
        greens: of (a token, columns int32 [m]) which of these are green behind it, bool [m].
        strength, key: of the watermark. The other keys come from it, so that nobody who doesn't know it can write a
            text against them.
    """
    chance, nats = np.random.default_rng([int(each) % 2**32 for each in key]), 0.0
    for token in np.unique(previous):
        places = np.flatnonzero(previous == token)
        p, said = probabilities[places], tokens[places]
        columns = np.union1d(np.flatnonzero(p.max(axis=0) > _LIKELY), said).astype(np.int32)
        others = chance.integers(0, 2, [_OTHER_KEYS, len(columns)], np.int8).astype(bool)
        is_green = np.concatenate([greens(token, columns)[None], others])
        # What is hardly ever said counts as half green, under each key alike.
        gain, known = math.expm1(strength), p[:, columns]
        rest = 0.5 * gain * (1.0 - known.sum(axis=1, keepdims=True))
        log_z = np.log1p(np.maximum(gain * known @ is_green.T.astype(np.float32) + rest, -0.999))
        likelihood = strength * is_green[:, np.searchsorted(columns, said)].sum(axis=1) - log_z.sum(axis=0)
        largest = likelihood.max()
        nats += float(likelihood[0] - largest - np.log(np.mean(np.exp(likelihood - largest))))
    return nats
