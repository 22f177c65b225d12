"""What a session found, for good: a version of the run whose noise is drawn where the person's wish lies.

The networks stay as they are, and the noise that they start from becomes mean + scale * e. The mean is, first, a shift
by which E[u(G(noise))] grows the most for its KL to the standard normal, u being what the session's taste expects:
where u is linear in the noise, that is along its slope, which is fitted to samples, and again to samples of the map so
far. Nothing but looking at samples is needed, so it works with every model that draws noise. And second, a part of the
way to the best sample of the session, since who wants one certain thing has no slope. Measured: docs/steering.md.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgen import versions
from tfgen.errors import UserError
from tfgen.feedback.events import run_digest
from tfgen.run import BASE
from tfgen.steering.choice import ChoiceModel
from tfgen.steering.policy import Policy

STRENGTH = 1.0  # nats of KL that the shift along the slope costs
_TO_BEST = 0.35  # of the way to the best sample
_SCALE = 0.9  # of noise around the mean: narrower, samples keep to their prompt
_ROUNDS = 4
_LOOKED_AT = 512  # samples of each round
_RIDGE = 30.0  # in samples' worth
LEAST_ANSWERS = 3
_MOST_ROWS = 64  # prompts with a row of their own


def save_preset(session: Any, name: str) -> versions.Version:
    """Keeps a session's taste as the version `name` of its run, kind "preset".

    Raises:
        UserError: too little was said, or the name can't be had.
    """
    run, space, policy = session.run, session.space, session.policy
    versions.check_name(run, name)
    if run_digest(run) != session.digest:
        raise UserError(f"'{run.name}' was fitted further since the session began.", "Begin a new session.")
    picks = sum(each.answer.kind == "pick" for each in session.rounds)
    if picks < LEAST_ANSWERS:
        raise UserError(f"Too little was said for a preset, by {picks} picks.", f"Pick {LEAST_ANSWERS} times or more.")
    before = {} if run.version == BASE else versions.find(run, run.version).arrays()
    taste, chance = session.taste.model, np.random.default_rng([session.request.seed % 2**32, 99])
    best, rows, prompts = session.taste.best, _rows_before(before, space), _prompts(session)
    for ids in prompts:
        mean = wished(taste, policy, ids, chance, _ROUNDS if len(prompts) == 1 else 1)
        if (best.prompts[0] == ids).all():
            mean = mean + _TO_BEST * best.noise[0]
        origin, spread = _map_of(space, ids)
        rows[tuple(int(word) for word in ids)] = origin + spread * mean, spread * _SCALE
    arrays = {
        "words": np.array(list(rows), np.int32),
        "mean": np.stack([mean for mean, _ in rows.values()]).astype(np.float32),
        "scale": np.stack([scale for _, scale in rows.values()]).astype(np.float32),
    }
    if "pull" in before:  # the mixture stays tilted as it was
        pulls = dict(zip(rows, before["pull"], strict=False))  # the rows of before come first
        arrays["pull"] = np.stack([pulls.get(words, before["pull"][0]) for words in rows])
    facts = {"kind": "preset", "prompt": session.request.prompt, "session": session.id, "picks": picks}
    return versions.create(run, name, arrays, facts)


def wished(
    taste: ChoiceModel,
    policy: Policy,
    ids: np.ndarray,
    chance: np.random.Generator,
    rounds: int = _ROUNDS,
    strength: float = STRENGTH,
) -> np.ndarray:
    """The mean [latent_dim] of noise for word ids [words] that is liked most among those that cost `strength` nats."""
    size = policy.bank.noise.shape[1]
    own = policy.bank.take(np.flatnonzero((policy.bank.prompts == ids).all(axis=1)))
    known = own if len(own) > 2 * size else policy.bank
    slope = _slope(known.noise, taste.utilities(known.positions), np.zeros(size))
    mean = _of_length(slope, strength)
    seeds = np.arange(10**6, 10**6 + _LOOKED_AT, dtype=np.int32)
    prompts = np.tile(ids.astype(np.int32), [_LOOKED_AT, 1])
    for number in range(1, rounds + 1):
        noise = (mean + chance.standard_normal([_LOOKED_AT, size])).astype(np.float32)
        seen = policy.look(noise, seeds, prompts)
        here = _slope(seen.noise, taste.utilities(seen.positions), mean)
        slope = slope + (here - slope) / (number + 1)
        mean = _of_length(slope, strength)
    return mean


def _slope(noise: np.ndarray, utilities: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """[latent_dim], by least squares with a ridge."""
    centred = noise - middle
    centred = centred - centred.mean(axis=0)
    system = centred.T @ centred + _RIDGE * np.eye(centred.shape[1])
    return np.linalg.solve(system, centred.T @ (utilities - utilities.mean()))


def _of_length(slope: np.ndarray, nats: float) -> np.ndarray:
    """A shift in this direction that costs so many nats: half its squared length."""
    return slope * np.sqrt(2.0 * nats) / max(float(np.linalg.norm(slope)), 1e-9)


def _rows_before(
    arrays: Mapping[str, np.ndarray], space: Any
) -> dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]]:
    """What the run's version has already: mean and scale by word ids; first, under -1, of all other prompts."""
    none = (-1,) * space.model.conditions.longest
    if not arrays:
        return {none: _map_of(space, np.array(none))}
    maps = list(zip(arrays["mean"], arrays["scale"], strict=True))
    words = [none, *[tuple(int(word) for word in row) for row in arrays["words"][1:]]]
    return dict(zip(words, maps, strict=True))


def _map_of(space: Any, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the run's version moves noise for word ids [words]: mean and scale, each [latent_dim]."""
    ends = np.stack([np.zeros(space.model.latent_dim), np.ones(space.model.latent_dim)]).astype(np.float32)
    mean, moved = space.deviations(ends, np.tile(ids.astype(np.int32), [2, 1]))
    return mean, moved - mean


def _prompts(session: Any) -> list[np.ndarray]:
    """The word ids [words] that get a row of their own: the session's, or the bank's most common."""
    rows, counts = np.unique(session.policy.bank.prompts, axis=0, return_counts=True)
    return list(rows[np.argsort(-counts, kind="stable")][:_MOST_ROWS])
