"""Tuning a model of arrays: a reward for what people like, a steered prior that gives more of it, and what it costs."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfgen.console import command_line, say
from tfgen.errors import UserError
from tfgen.feedback.preferences import Preferences
from tfgen.representations.base import Codec
from tfgen.restore import load_model
from tfgen.run import BASE, Run
from tfgen.steering.directions import Directions
from tfgen.steering.recognition import Recognition
from tfgen.tuning import LEAST, HeldOut, Outcome, Tuner, TuneRequest
from tfgen.tuning.guards import Guards, Measured
from tfgen.tuning.prior import STEPS, TAU, Rows, tune_prior
from tfgen.tuning.reward import CHANCE, Answer, Reward, folds_of, held_out, preferred
from tfgen.tuning.shown import Looker, answers_of, features_of, usable
from tfgen.tuning.tilt import MOST_NATS, tilt_prior

_BANK = 2048  # samples in which the directions are found
_FIRST_SEED = -(10**9)  # of all that is looked at here: far from what a person asks for
_BANK_SEED, _GUARD_SEED, _JUDGED_SEED, _RETREAT_SEED = (_FIRST_SEED + place * 10**6 for place in range(4))
_JUDGED = 1024  # pairs of new and old
_CONFUSED = 0.6  # of the reward, that a sample loses for each nat by which it is likelier of another prompt
_SHARES = (1.0, 0.85, 0.7, 0.55, 0.4, 0.25, 0.0)  # of a prompt's steering that may be kept
_LOOKED_AT = 6000  # samples at each of them; of prompts whose share is found already none are made
_COPIES = 4000  # samples among which near copies are counted
# Of what is recognised of a prompt, and of near copies, from which is drawn back: below what a guard allows.
_FALL, _RISE = 0.015, 0.015


class ArrayTuner(Tuner):
    """See Tuner."""

    methods = ("prior",)

    def __init__(self, run: Run, preferences: Preferences, codec: Codec, request: TuneRequest):
        super().__init__(run, preferences, codec, request)
        self.comparisons = usable(run, preferences.comparisons)
        self.left_out = preferences.left_out + len(preferences.comparisons) - len(self.comparisons)
        if len(self.comparisons) < LEAST:
            raise UserError(self._too_few(), f"Give more, {LEAST} at the least: {command_line('steer', run.reference)}")

    def _too_few(self) -> str:
        count = len(self.comparisons)
        what = f"{count or 'No'} comparison{'' if count == 1 else 's'}"
        apart = f"; {self.left_out} more are of samples that can't be made again" if self.left_out else ""
        return f"{what} of samples of '{self.run.name}' can be learned from{apart}."

    def plan(self) -> str:
        people = len({each.who for each in self.comparisons})
        apart = f" ({self.left_out} are left out: their samples can't be made again)" if self.left_out else ""
        return (
            f"Learning from {len(self.comparisons)} comparisons of {people} {'person' if people == 1 else 'people'}"
            f"{apart}: which samples are liked, tried on answers that are held out; then where samples of each prompt "
            f"start, at strength {self.request.strength:g}, the weights untouched; then old against new. It takes "
            "about a minute."
        )

    def tune(self) -> Outcome:
        seed = self.request.seed
        model = load_model(Run(self.run.path, self.run.record, BASE))
        looker = Looker(model)
        bank = looker.bank(np.arange(_BANK_SEED + seed, _BANK_SEED + seed + _BANK, dtype=np.int32))
        try:
            directions = Directions.of(bank[0])
        except ValueError:
            raise UserError(f"All that '{self.run.name}' makes is the same.", "Fit it for longer, or anew.") from None
        shown = features_of(self.run, looker, [sample for each in self.comparisons for sample in each.shown])
        answers = answers_of(self.comparisons, shown, directions)
        tried = held_out(answers, seed)
        remarks = self.oddities(self.comparisons)
        for remark in remarks:
            say(remark)
        self._check(tried, remarks)
        say(f"{tried.right} of {tried.count} answers that were held out are predicted.")
        say("Learning where such samples start ...")
        reward = Reward.fit(directions, answers)
        learn = functools.partial(self._learn, model, bank, Recognition.of(bank[0], bank[2]))
        arrays = learn(reward)
        guards = Guards(self.run, model, self.codec)
        say("Looking whether prompts suffer, and comparing old and new ...")
        share = self._drawn_back(guards, arrays)
        arrays = _shortened(arrays, share)
        rows = _rows_of(model.conditions)
        win_rate = self._judged(looker, learn, directions, answers, share)
        base, old, new = self._measured(guards, arrays)
        facts = {
            "method": self.method,
            "answers": len(answers),
            "left_out": self.left_out,
            "people": len({each.who for each in self.comparisons}),
            "remarks": remarks,
            "nats": round(float(np.mean(_nats(model, arrays))), 3),
            "kept": {guards.names[place]: round(float(share[row]), 3) for place, row in rows.items() if share[row] < 1},
            "most_lost": guards.most_lost(base, new),
            "not_measured": guards.missing,
            "reward": {
                "weights": [round(float(each), 6) for each in reward.choice.mean],
                "bank": {"first_seed": _BANK_SEED + seed, "count": _BANK},
                "of": "features of the model, along tfgen.steering.directions of the bank",
            },
        }
        return Outcome(arrays, tried, win_rate, old.values, new.values, guards.concerns(base, new), facts)

    def _check(self, tried: HeldOut, remarks: Sequence[str]) -> None:
        """Raises UserError where chance would have predicted as much."""
        if tried.p_value < CHANCE:
            return
        found = (
            f"{tried.right} of {tried.count} answers that were held out are predicted, which chance does too (p = "
            f"{tried.p_value:.2f}, by a binomial test and permutations)."
        )
        if tried.needed:
            advice = f"If the answers mean something, about {tried.needed} more would show it."
        else:
            advice = "The answers don't agree with each other in anything that the model sees; give clearer ones."
        raise UserError(" ".join([found, *remarks]), advice)

    def _learn(
        self,
        model: Any,
        bank: tuple[np.ndarray, np.ndarray, np.ndarray],
        recognition: Recognition,
        reward: Reward,
        steps: int = STEPS,
    ) -> dict[str, np.ndarray]:
        """What makes samples more liked that still look like their prompts, as the model itself tells these apart: the
        evaluation's classifier is what this is judged by, so it isn't what this is learned from."""
        model.steered = None
        tau = TAU / self.request.strength
        if model.prior is not None:
            features, latents, prompts = bank
            utilities = reward(features) + _CONFUSED * np.minimum(recognition.margins(features, prompts), 0.0)
            return tilt_prior(model, latents, prompts, utilities, tau, MOST_NATS * self.request.strength)

        def utility(examples: Any, prompts: Any) -> Any:
            import tensorflow as tf

            features = model.features(examples)
            return reward(features) + _CONFUSED * tf.minimum(recognition.margins(features, prompts), 0.0)

        return tune_prior(model, utility, tau, self.request.seed, steps)

    def _drawn_back(self, guards: Guards, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """The share of each prompt's steering [rows] that is kept, one of _SHARES: all of it where, at common seeds,
        the prompt is recognised as before and its samples are no nearer to examples."""
        step, last = np.zeros(len(arrays["mean"]), np.int32), len(_SHARES) - 1
        rows = {-1: 0, **_rows_of(guards.model.conditions)}

        def drawn_back(look: Callable, too_much: Callable) -> None:
            """Goes on as long as there is `too_much` of the changes by prompt of what is looked at."""
            guards.model.steered = None
            before = look(None)
            changes, changed = {}, list(before)
            while changed:
                guards.model.adopt(_shortened(arrays, np.take(_SHARES, step)))
                now = look(changed)  # of the others nothing has changed
                changes.update({place: now[place] - before[place] for place in changed})
                found = {rows[place] for place in too_much(changes)}
                found = [row for row in found if step[row] < last]
                step[found] += 1
                changed = [place for place in before if rows[place] in found]

        drawn_back(lambda only: guards.recognised(_RETREAT_SEED, only, _LOOKED_AT), _suffering)
        drawn_back(lambda only: guards.copied(_RETREAT_SEED, only, _COPIES), _copied)
        return np.take(_SHARES, step)

    def _judged(
        self, looker: Looker, learn: Callable, directions: Any, answers: Sequence[Answer], kept: np.ndarray
    ) -> tuple[float, float, float] | None:
        """How often new is liked better than old: the version that half of the answers make, by the reward that the
        other half makes. A judge that was optimised would praise its own mistakes. The interval is the judge's: of 95 %
        of the rewards that its half of the answers could mean.

        Args:
            kept: the share of each prompt's steering [rows] that the new version keeps.
        """
        import tensorflow as tf

        half = folds_of(answers, 2, self.request.seed)
        sides = [[each for each, own in zip(answers, half, strict=True) if own == side] for side in (0, 1)]
        if not all(sides):
            return None
        judge = Reward.fit(directions, sides[1])
        twin = _shortened(learn(Reward.fit(directions, sides[0]), steps=2 * STEPS // 3), kept)
        model, seeds = looker.model, tf.range(_JUDGED_SEED, _JUDGED_SEED + _JUDGED)
        prompts = model.filled_prompts(seeds, tf.zeros([_JUDGED, model.conditions.longest], tf.int32))
        self._adopt_old(model)
        old = looker(model.latents(seeds, prompts).numpy(), prompts.numpy())[0]
        model.adopt(twin)
        new = looker(model.latents(seeds + _JUDGED, prompts).numpy(), prompts.numpy())[0]
        return preferred(judge.choice, directions(new) - directions(old), self.request.seed)

    def _measured(self, guards: Guards, arrays: dict[str, np.ndarray]) -> tuple[Measured, Measured, Measured]:
        """What the fit ended with, what is in use, and the new, at common seeds. What the new one may cost is counted
        from the first, so that many small losses don't add up unseen."""
        guards.model.steered = None
        base = old = guards.measure(_GUARD_SEED)
        if self.run.version != BASE:
            self._adopt_old(guards.model)
            old = guards.measure(_GUARD_SEED, old=base)
        guards.model.adopt(arrays)
        return base, old, guards.measure(_GUARD_SEED, old=base)

    def _adopt_old(self, model: Any) -> None:
        """What is in use now."""
        from tfgen import versions

        model.steered = None
        if self.run.version != BASE:
            model.adopt(versions.find(self.run, self.run.version).arrays())


def _suffering(changes: dict[int, float]) -> list[int]:
    """The prompts that are recognised too much less often than before; all together may lose half as much as one."""
    found = [place for place, change in changes.items() if change < -_FALL]
    if not found and np.mean(list(changes.values())) < -_FALL / 2:
        found = [place for place, change in changes.items() if change < -_FALL / 2]
    return found


def _copied(changes: dict[int, float]) -> list[int]:
    """Where all together have too many more near copies than before, the prompts of which most are: few samples of a
    prompt are copies, so of one alone little can be told."""
    rise = np.mean(list(changes.values()))
    return [place for place, change in changes.items() if change >= rise] if rise > _RISE else []


def _shortened(arrays: dict[str, np.ndarray], share: np.ndarray) -> dict[str, np.ndarray]:
    """Steering of which each row [rows] keeps a share: at 0 all stays as it is."""
    share = share[:, None]
    kept = {name: arrays[name] * share for name in ("mean", "pull") if name in arrays}
    kept["scale"] = arrays["scale"] ** share
    return {**arrays, **{name: each.astype(np.float32) for name, each in kept.items()}}


def _rows_of(conditions: Any) -> dict[int, int]:
    """The row that serves each prompt of the data, by the prompt's place."""
    return dict(enumerate(Rows.of(conditions).serving(conditions.prompt_words).tolist()))


def _nats(model: Any, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """KL divergence of where each prompt's samples start from where they started, [rows]; row 0 only where it is
    alone."""
    model.adopt(arrays)
    mean, scale = arrays["mean"], arrays["scale"]
    nats = 0.5 * np.sum(np.square(mean) + np.square(scale) - 1.0 - 2.0 * np.log(scale), axis=1)
    if model.steered.tilt is not None:
        nats = nats + model.steered.tilt.nats
    return nats[min(1, len(nats) - 1) :]
