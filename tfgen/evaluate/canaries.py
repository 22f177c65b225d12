"""Canaries at an evaluation: how well the model knows each, and what is said of an attack by that."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfgen.catalog import ENGINES
from tfgen.errors import UserError
from tfgen.evaluate.alarms import alarm_of, not_tested
from tfgen.evaluate.metric_inputs import LazyInputs
from tfgen.evaluate.metrics import Inputs
from tfgen.evaluate.metrics.canaries import FIELDS, guesses_among
from tfgen.evaluate.record import Alarm, Score
from tfgen.representations.base import OTHER_CANARIES
from tfgen.run import Run
from tfgen.trust.canaries import Canaries, in_words, made_and_planted
from tfgen.trust.privacy import DEFAULT_DELTA, Account, audited_epsilon

NAME, QUESTION = "canaries", "Does the model give away more of its canaries than its epsilon allows?"
_NEIGHBOURS = (8, 64)  # of each row, fewest and most
_MOST_ASKED = 100_000  # neighbours of them all, unless these are the fewest
_AT_ONCE = 50


def inputs_of(run: Run, evaluator: Any) -> Inputs:
    """What metrics may ask for of canaries; nothing of a run without.

    Raises UserError where its record is damaged; asking does, where the run's file of them is gone.
    """
    if made_and_planted(run) is None:
        return {}

    def known() -> np.ndarray:
        canaries = Canaries.of(run)
        found = np.empty(len(canaries), FIELDS)
        engine = ENGINES.load(f"canaries/{evaluator.codec.representation}")
        found["known"] = engine(evaluator.model, evaluator.codec, canaries.examples)
        found["learned"], found["delta"] = canaries.planted, _promised(run)[1]
        return found

    return LazyInputs({"canaries": known})


def rows_known(model: Any, codec: Any, examples: Mapping[str, np.ndarray]) -> np.ndarray:
    """How much likelier each row is than rows that differ from it in one cell, in nats [n] (neighbourhood comparison,
    Mattern et al. 2023): what is likely for its columns' sake is so for its neighbours too."""
    from tfgen.evaluate.rows.metric_inputs import Likelihood

    tokens, specification = examples["tokens"], codec.specification
    if not specification.has(tokens):
        raise UserError(*OTHER_CANARIES)
    count, columns = tokens.shape
    generator, ask = np.random.default_rng(0), Likelihood(model)
    each = int(np.clip(_MOST_ASKED // count, *_NEIGHBOURS))
    neighbours = np.repeat(tokens, each, axis=0)
    others = specification.drawn_evenly(len(neighbours), generator)
    rows, changed = np.arange(len(neighbours)), generator.integers(0, columns, len(neighbours))
    neighbours[rows, changed] = others[rows, changed]
    return ask(neighbours).reshape(count, each).mean(axis=1) - ask(tokens)


def sequences_known(model: Any, codec: Any, examples: Mapping[str, np.ndarray]) -> np.ndarray:
    """As `rows_known`, of documents that differ from each in one token."""
    import tensorflow as tf

    tokens, vocabulary_size = examples["tokens"].astype(np.int32), codec.specification.vocabulary_size
    if tokens.max() >= vocabulary_size:
        raise UserError(*OTHER_CANARIES)
    (count, length), generator = tokens.shape, np.random.default_rng(0)
    each = int(np.clip(_MOST_ASKED // (count * length), *_NEIGHBOURS))
    neighbours, rows = np.repeat(tokens, each, axis=0), np.arange(count * each)
    neighbours[rows, generator.integers(0, length, len(rows))] = generator.choice(np.unique(tokens), len(rows))
    losses = tf.function(model.losses, reduce_retracing=True, autograph=False)

    def costs(documents: np.ndarray) -> np.ndarray:
        """Nats of each, behind an empty prompt."""
        documents = np.pad(documents, [[0, 0], [1, 0]], constant_values=codec.specification.start)[:, -model.context :]
        parts = [documents[at : at + _AT_ONCE] for at in range(0, len(documents), _AT_ONCE)]
        return np.concatenate([losses(tf.constant(part)).numpy().sum(axis=1) for part in parts])

    return costs(neighbours).reshape(count, each).mean(axis=1) - costs(tokens)


def arrays_known(model: Any, codec: Any, examples: Mapping[str, np.ndarray]) -> np.ndarray:
    """Minus each reconstruction's error, [n] (Hilprecht et al. 2019): at noise, it tells more than the likelihood."""
    import tensorflow as tf

    values, prompts = examples["values"], examples["prompts"]
    if codec.encode(values[:1]).shape[1:] != codec.specification.shape or prompts.max() >= len(
        model.conditions.prompt_words
    ):
        raise UserError(*OTHER_CANARIES)
    measure = tf.function(
        lambda values, places: model.measurements()["reconstruction_errors"](
            codec.encode(values), model.prompts_of(places)
        ),
        reduce_retracing=True, autograph=False,
    )  # fmt: skip
    starts = range(0, len(values), _AT_ONCE)
    parts = [[tf.constant(each[at : at + _AT_ONCE]) for each in (values, prompts)] for at in starts]
    return -np.concatenate([measure(*part).numpy() for part in parts])


def _promised(run: Run) -> tuple[float | None, float]:
    """Epsilon and delta of a run's fit, as far as it has come; None and the usual delta where it wasn't private."""
    if "privacy" not in run.record:
        return None, DEFAULT_DELTA
    account = Account.from_json(run.record["privacy"])
    return account.spent["epsilon"] if account.spent else account.epsilon, account.delta


def alarms_of(run: Run, scores: Mapping[str, Score]) -> list[Alarm]:
    """Of a private run with canaries whether more was found than its epsilon allows; nothing of others, which promised
    nothing."""
    epsilon, _ = _promised(run)
    if epsilon is None or "canaries" not in run.record:
        return []
    if "canaries_epsilon" not in scores:
        return [not_tested(NAME, "The metric canaries was left out, or gave no number.")]
    bound = scores["canaries_epsilon"].value
    found = f"By its canaries, epsilon is at least {bound:.2f} (95 % sure); {epsilon:.3g} is promised."
    return [alarm_of(NAME, bound > epsilon, found, found, "Don't rely on its privacy, and please report it.")]


def found_in_words(run: Run, scores: Mapping[str, Score]) -> str | None:
    """What the attack found; only which there are, where none was tried; None of a run without canaries."""
    canaries = in_words(run)
    if canaries is None or "canaries_epsilon" not in scores:
        return canaries and f"{canaries} were learned"
    found, bound = scores["canaries_found"].value, scores["canaries_epsilon"].value
    guesses = guesses_among(made_and_planted(run)[0])
    return (
        f"{canaries} were learned; of {guesses} guesses which, {found:.0%} are right, so epsilon is at least "
        f"{bound:.2f} (95 % sure)"
    )


def words_of(run: Run, scores: Mapping[str, Score]) -> list[str]:
    """The same as sentences, with the most that so few canaries could have shown."""
    if "canaries_epsilon" not in scores:
        return []
    (epsilon, delta), made = _promised(run), made_and_planted(run)[0]
    most = audited_epsilon(made, guesses_among(made), guesses_among(made), delta)
    promise = "the fit promises nothing" if epsilon is None else f"{epsilon:.3g} is promised"
    return [
        f"Canaries: {found_in_words(run, scores)}. So many can show {most:.2f} at the most, at a delta of {delta:g}, "
        f"and {promise}."
    ]
