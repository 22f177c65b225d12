"""A private fit: what is asked, what its run keeps of it, and how its model and its batches become private.

privacy.key     what its batches and its noise are drawn by, for as long as the fit isn't finished: with it, noise could
                be taken off again, so it is deleted with the last step, is in no export, and can't be chosen
"""

import contextlib
import math
import os
import secrets
from dataclasses import dataclass, replace
from typing import Any

from tfgen import files
from tfgen.catalog import MODALITIES, able
from tfgen.console import say, several
from tfgen.errors import UserError
from tfgen.models.private import GradientMechanism
from tfgen.representations import ROWS
from tfgen.representations.base import WHOLE, Examples, Share
from tfgen.representations.batches import sampling_rate
from tfgen.run import Run
from tfgen.training.request import DEFAULT_SIZE, FitRequest
from tfgen.trust.privacy import MARGINALS, Account, Budget, MarginalNoise, Release

KEY = "privacy.key"
_KEY_BITS = 62
_SECONDS = 20.0  # that the noise takes to be found, and what was spent to be counted
_NOISE, _BATCHES, _CODEC = range(3)  # what keys are drawn from the run's for
_WORSE = "Samples will be worse than without privacy, and the fewer examples, the worse (docs/privacy.md)."
# What scripts/bench/private.py measured on census rows: by how many were learned, and epsilon, the F1 of a classifier
# that learned samples, and sdmetrics' quality, of each model.
_MEASURED = {
    (2000, 3): {"gpt": (0.540, 0.777), "tree": (0.705, 0.811)},
    (29305, 1): {"gpt": (0.767, 0.888), "tree": (0.657, 0.907)},
    (29305, 3): {"gpt": (0.777, 0.925), "tree": (0.685, 0.930)},
    (29305, 10): {"gpt": (0.778, 0.926), "tree": (0.679, 0.965)},
}


@dataclass(frozen=True)
class Protected:
    """A private fit that is about to begin.

    examples: under a codec that gives nobody away. canaries: about how many are learned beside them. settings: of the
    model, as they suit a private fit.
    """

    examples: Examples
    canaries: int
    settings: dict[str, Any]
    budget: Budget
    release: Release | None
    key: int
    mechanism: str

    def account(self, settings: Any) -> Account:
        """For a model with these settings.

        Canaries are examples as any other, but those that were to be expected are counted, not those that are there:
        the rate, and with it the noise, must not tell how many coins fell which way.
        """
        budget, count = self.budget, self.examples.members + self.canaries
        if self.mechanism == MARGINALS:
            # Every row is in every count, and no gradient is cut.
            account = Account(
                budget.epsilon, budget.delta, budget.clip, self.examples.unit, 1.0, float(count),
                self.release, not_covered=self.examples.not_covered(), mechanism=MARGINALS,
            )  # fmt: skip
            return account.calibrated(0)
        rate = sampling_rate(settings.batch_size, count)
        return Account(
            budget.epsilon, budget.delta, budget.clip, self.examples.unit, rate, rate * count,
            self.release, not_covered=self.examples.not_covered(),
        )  # fmt: skip

    def files(self) -> dict[str, bytes]:
        return {KEY: f"{self.key}\n".encode()}


def protect(request: FitRequest, made_by: type, examples: Examples, settings: dict[str, Any]) -> Protected:
    """What a private fit learns, and with which settings, where `settings` are those that the user gave.

    Raises UserError where model or data can't be learned privately.
    """
    modality = MODALITIES.load(examples.modality)
    if not (modality.can_be_private and getattr(made_by, "can_be_private", False)):
        raise UserError(
            f"A {request.model} of {modality.plural} can't be fitted with --private.", f"Use {able('can_be_private')}."
        )
    canaries = request.canaries or 0
    budget = Budget.parse(request.private).of(examples.members + canaries)
    if made_by.privacy_mechanism == MARGINALS and budget.clip != Budget.clip:
        raise UserError(f"A {request.model} has no gradients that could be cut to a clip.", "Leave clip= out.")
    for name, value in made_by.Config.private_only.items():
        if settings.get(name, value) != value:
            raise UserError(
                f"A private fit of this model can't have {name}={settings[name]}.", f"Leave it out: it is {value}."
            )
    key = secrets.randbits(_KEY_BITS)
    release = Release.of(budget) if examples.releases else None
    if release is None:
        examples = examples.unlearned()
    else:
        examples = examples.released(release.noise_multiplier, release.delta, _key_for(key, _CODEC))
    size = request.size or DEFAULT_SIZE
    own = made_by.Config.suited_to_privacy(examples.codec.specification, size, examples.members)
    settings = {**own, **made_by.Config.private_only, **settings}
    return Protected(examples, canaries, settings, budget, release, key, made_by.privacy_mechanism)


def _key_for(key: int, purpose: int) -> int:
    """Another key, from which nothing can be said of the first."""
    import hashlib

    digest = hashlib.sha256(f"{key} {purpose}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _KEY_BITS)


def _read_key(run: Run) -> int:
    try:
        return int((run.path / KEY).read_text())
    except (OSError, ValueError):
        raise UserError(
            f"'{KEY}' of the run '{run.name}' is gone, so its noise can't be drawn as planned.",
            "Restore it, or begin a new run.",
        ) from None


def _account_of(run: Run) -> Account | None:
    return Account.from_json(run.record["privacy"]) if "privacy" in run.record else None


def make_private(run: Run, model: Any) -> None:
    """Makes the model of a private run learn privately, where it has anything left to learn."""
    account = _account_of(run)
    if account is None:
        return
    import tensorflow as tf

    key = 0 if _is_over(run, model) else _key_for(_read_key(run), _NOISE)
    # With ten bits of a product's numbers, a norm and the gradient that it is of would be apart.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    mechanism = GradientMechanism(key, account.clip, account.expected_batch)
    if account.noise_multiplier:
        mechanism.noise_multiplier.assign(account.noise_multiplier)
    model.make_private(mechanism)


def _is_over(run: Run, model: Any) -> bool:
    """Whether all planned steps are done, after which nothing is drawn by the key, and it may be gone."""
    steps = run.record["steps"]
    return bool(steps) and int(model.step.numpy()) >= steps


def batches(run: Run, model: Any, examples: Examples, start: int, stop: int, share: Share = WHOLE) -> Any:
    """The Poisson samples of the steps `start` to `stop - 1`."""
    is_over = start == stop or _is_over(run, model)
    key = 0 if is_over else _key_for(_read_key(run), _BATCHES)
    return examples.poisson_batches(model.config, key, _account_of(run).sampling_rate, start, stop, share)


def seconds(run: Run) -> float:
    """How long a private fit takes beside all that others do."""
    return _SECONDS if "privacy" in run.record else 0.0


def calibrate(run: Run, model: Any) -> None:
    """Gives the model its noise: as much as the planned steps need; never less than what was planned once."""
    account = _account_of(run)
    if account is None:
        return
    if not account.noise_multiplier:
        say("Looking for the noise that keeps to epsilon ...")
        account = account.calibrated(run.record["steps"])
        run.update(privacy=account.to_json())
    elif account.spent is not None and int(model.step.numpy()) < run.record["steps"]:
        # From here on more is spent than was noted, and a kill leaves no time to say so.
        run.update(privacy=replace(account, spent=None).to_json())
    model.privacy.noise_multiplier.assign(account.noise_multiplier)


def expected_count(run: Run) -> int | None:
    """How many examples a private fit was to expect, canaries among them; None of others."""
    account = _account_of(run)
    return None if account is None else round(account.expected_batch / account.sampling_rate)


def take_noise(run: Run, model: Any) -> None:
    """Gives the model the noise that was found for its steps, where there is one."""
    account = _account_of(run)
    if account is not None and account.noise_multiplier:
        model.privacy.noise_multiplier.assign(account.noise_multiplier)


def plan_in_words(run: Run, examples: Examples) -> list[str]:
    """What a private fit promises and costs, before it begins; nothing of others."""
    account = _account_of(run)
    if account is None:
        return []
    how = _marginals_in_words if account.mechanism == MARGINALS else _gradients_in_words
    return [
        f"Privacy: at most epsilon {account.epsilon:g} at delta {account.delta:g} for each {account.unit}. "
        f"{how(account, examples)}",
        f"  {_WORSE}",
        *([f"  {which_to_take(len(examples), account.epsilon)}"] if examples.representation == ROWS else []),
        *(f"  Not covered: {sentence}" for sentence in account.not_covered),
        *_kept_in(run),
    ]


def _gradients_in_words(account: Account, examples: Examples) -> str:
    return (
        f"Gradients are cut to {account.clip:g}, their sum gets noise of {account.noise_multiplier:.3g} times that, "
        f"and a batch has {account.expected_batch:,.0f} on average, each with a probability of "
        f"{account.sampling_rate:.3g}."
    )


def _marginals_in_words(account: Account, examples: Examples) -> str:
    columns = len(examples.codec.specification.fields)
    noise = MarginalNoise.of(account.noise_multiplier, columns)
    return (
        f"How often each value is there is counted with noise of {noise.of_columns:.3g} rows; the exponential "
        f"mechanism chooses {several(columns - 1, 'pair')} of columns, which are counted with noise of "
        f"{noise.of_pairs:.3g}."
    )


def which_to_take(rows: int, epsilon: float) -> str:
    """Which private model of so many rows is expected to be better at what, by the nearest that was measured."""
    known = min(_MEASURED, key=lambda each: (abs(math.log(each[0] / rows)), abs(math.log(each[1] / epsilon))))
    useful, like = ({name: scores[at] for name, scores in _MEASURED[known].items()} for at in (0, 1))
    best, likest = max(useful, key=useful.get), max(like, key=like.get)
    take = f"a {best} to train classifiers on its rows, a {likest} for columns and how two of them go together"
    f1, quality = (", ".join(f"{each:.2f} with a {name}" for name, each in own.items()) for own in (useful, like))
    return (
        f"Which model to take: {f'a {best}' if best == likest else take}. Measured on {known[0]:,} census rows at "
        f"epsilon {known[1]}: F1 of such a classifier {f1}; quality {quality}."
    )


def _kept_in(run: Run) -> list[str]:
    """What is said of a run whose folder has the data itself: that which came from memory."""
    file = run.record["data"].get("file")
    if not file:
        return []
    return [f"  Not covered: '{file}', all of the data, in the run's folder. Give exports away, not the run."]


def note_spent(run: Run, steps: int, finished: bool = False) -> None:
    """Writes down what was spent. Of a finished fit, the key goes: nobody can tell its noise from here on."""
    account = _account_of(run)
    if account is None or not account.noise_multiplier:
        return
    if account.spent is None or account.spent["steps"] != steps:
        with contextlib.suppress(KeyboardInterrupt):
            run.update(privacy=account.after(steps).to_json())
    if finished:
        with contextlib.suppress(FileNotFoundError):
            os.remove(run.path / KEY)
            files.sync_folder(run.path)
