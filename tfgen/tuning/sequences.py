"""Tuning a model of sequences: from comparisons and edits to new weights that predict unseen text hardly worse."""

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tfgen import versions
from tfgen.console import command_line, say
from tfgen.errors import UserError
from tfgen.evaluate.sequences.reference_data import ReferenceData
from tfgen.feedback.events import Sample
from tfgen.feedback.preferences import Comparison, Preferences
from tfgen.representations.sequences.codec import SequenceCodec
from tfgen.representations.sequences.sampling_settings import SamplingSettings
from tfgen.restore import load_model
from tfgen.run import BASE, Run
from tfgen.tuning import LEAST, HeldOut, Outcome, TuneRequest, Tuner
from tfgen.tuning.direct_preference import Lessons, PreferenceConfig, as_far_as, learn
from tfgen.tuning.reward import CHANCE, binomial, folds_of, preferred
from tfgen.tuning.sequence_judge import SequenceJudge
from tfgen.tuning.sequence_measures import Author, UnseenText, concerns, in_numbers
from tfgen.tuning.sequence_windows import WindowCutter, WindowReader, Written

LOSS_BOUND = 0.05  # nats a unit of unseen text, at strength 1
COUNT = 200  # samples of each version that are compared
_FIRST_SEED = -(2**30)  # of those: far from what a person asks for
_LEAST_EDITS = 10  # of which a fifth is held out
_ASIDE = "nats a token of edits held out"
_ENDED = 0.9  # of the largest length: shorter texts ended by themselves
_METHODS = {"dpo": "smoothed direct preference optimisation", "supervised": "supervised learning of what was picked"}


class SequenceTuner(Tuner):
    """Smoothed direct preference optimisation with replay, or supervised learning of what was picked.

    Edits are learned as texts by either, and either goes as far as the loss on unseen text allows.
    """

    methods = tuple(_METHODS)

    def __init__(self, run: Run, preferences: Preferences, codec: SequenceCodec, request: TuneRequest):
        super().__init__(run, preferences, codec, request)
        if "privacy" in run.record:
            raise UserError(
                "Tuning learns the training examples along, which would give away of them what no budget covers.",
                "Steer the model by its prompts, or fit it again without --private.",
            )
        # An answer that picks all, or is of samples whose text isn't known, says nothing.
        self.comparisons = [each for each in preferences.comparisons if each.picked and each.rest and _told(each.shown)]
        self.edits = [each for each in preferences.edits if _told([each.sample]) and each.text != each.sample.content]
        given = len(preferences.comparisons) + len(preferences.edits)
        self.left_out = preferences.left_out + given - len(self.comparisons) - len(self.edits)
        if len(self.comparisons) < LEAST and len(self.edits) < _LEAST_EDITS:
            count = _counted(len(self.comparisons), "comparison") if self.comparisons else "Nothing"
            raise UserError(
                f"{count} of what was said of samples of '{run.name}' can be learned from.",
                f"Give {LEAST} comparisons or {_LEAST_EDITS} edits at the least: "
                f"{command_line('feedback', 'ask', run.reference)}",
            )
        self.bound = LOSS_BOUND * request.strength
        self._samples = {sample.id: sample for each in self.comparisons for sample in each.shown}
        self._written = {own: self._in_tokens(sample, sample.content) for own, sample in self._samples.items()}
        # A person may have written the whole, with what the sample goes on from.
        edited = [(each.sample, each.text.removeprefix(each.sample.prompt)) for each in self.edits]
        self._edited = [self._in_tokens(sample, text) for sample, text in edited]

    def plan(self) -> str:
        learned = [_counted(len(self.comparisons), "comparison")] if self.comparisons else []
        learned += [_counted(len(self.edits), "edit")] if self.edits else []
        how = _METHODS[self.method] if self.comparisons else "supervised learning"
        return (
            f"Learning from {' and '.join(learned)} by {how}, with training text in between; "
            f"it goes as far as unseen text costs {self.bound:.3g} nats a {self.codec.unit} more."
        )

    def tune(self) -> Outcome:
        began = time.monotonic()
        model = load_model(Run(self.run.path, self.run.record, BASE))
        texts = {own: sample.content for own, sample in self._samples.items()}
        judge = SequenceJudge(model, self.codec, texts, self._written) if self.comparisons else None
        tried = self._tried(judge) if judge else None
        learned = self.comparisons if tried and tried.p_value < CHANCE else []
        remarks = self.oddities(self.comparisons)
        if tried and not learned:
            remarks.append(f"The comparisons are left out: {_predicted(tried)}.")
        for remark in remarks:
            say(remark)
        data = ReferenceData(self.run, None)
        unseen, author = UnseenText(model, data), Author(model, self.codec, self._settings())
        edits, cost_of_edits = self._edits_aside(model)
        prompts, cost = self._prompts(), f"nats a {self.codec.unit}"

        def measured() -> dict[str, float]:
            numbers = in_numbers(self.codec, author(prompts, _FIRST_SEED))
            return {cost: unseen.reported(), **numbers, **cost_of_edits()}

        base = unseen.reported()
        school = School(model, unseen, data.training, self.bound, self.request.seed)
        say("Learning ...")
        share = school.teach(self._lessons(model, learned, edits))
        names = {id(variable): name for name, variable in model.state().items()}
        arrays = {names[id(variable)]: variable.numpy() for variable in model.trained_variables()}
        after = measured()
        win_rate = self._win_rate(judge, school, author, learned) if learned else None
        school.restore()
        if self.run.version != BASE:
            model.adopt(versions.find(self.run, self.run.version).arrays())
        # What it says stays marked; old and new are compared without that.
        watermark, model.watermark = model.watermark, None
        if watermark is not None:
            arrays |= watermark.arrays()
        before = measured()
        found = concerns(before, after, self._about_length())
        if after[cost] - base > 1.2 * self.bound + 0.002:  # other text than what bounded it
            found.append(f"Unseen text costs {after[cost] - base:.3f} {cost} more, above the {self.bound:.3g} allowed.")
        if _ASIDE in after and after[_ASIDE] >= before[_ASIDE] and not learned:
            found.append("Edits that were held out are not predicted better than before.")
        if not share:
            found.append(f"Nothing was learned: unseen text would cost more than {self.bound:.3g} {cost} more.")
        facts = {
            "method": self.method,
            "comparisons": len(learned),
            "edits": len(self.edits),
            "left_out": self.left_out,
            "people": len({each.who for each in [*self.comparisons, *self.edits]}),
            "loss_bound": self.bound,
            "share_of_the_way": share,
            "measured_on": "unseen text" if unseen.is_unseen else "training text",
            "remarks": remarks,
            **({"marked": True} if watermark is not None else {}),
            "seconds": round(time.monotonic() - began, 1),
        }
        return Outcome(arrays, tried, win_rate, before, after, found, facts)

    def _tried(self, judge: Any) -> HeldOut:
        """How well comparisons that are held out are predicted. Raises UserError where there is nothing else."""
        tried = judge.held_out(self.comparisons, self.request.seed)
        if tried.p_value < CHANCE:
            say(f"{tried.right} of {tried.count} answers that were held out are predicted.")
        elif len(self.edits) < _LEAST_EDITS:
            advice = "The answers don't agree with each other in anything that the model sees; give clearer ones."
            if tried.needed:
                advice = f"If the answers mean something, about {tried.needed} more would show it."
            raise UserError(" ".join([f"{_predicted(tried)}.", *self.oddities(self.comparisons)]), advice)
        return tried

    def _edits_aside(self, model: Any) -> tuple[list[Written], Callable[[], dict[str, float]]]:
        """The edits to learn, and a function that says what the others cost, by a name."""
        order = np.random.default_rng(self.request.seed).permutation(len(self._edited))
        edited = [self._edited[place] for place in order]
        count = len(edited) // 5 if len(edited) >= _LEAST_EDITS else 0
        if not count:
            return edited, dict
        windows = WindowCutter(edited[:count], model.context, model.example.start)(edited[:count])
        reader = WindowReader(model)

        def cost() -> dict[str, float]:
            return {_ASIDE: float(-reader(windows)[0].sum() / windows.lengths.sum())}

        return edited[count:], cost

    def _lessons(self, model: Any, comparisons: Sequence[Comparison], edits: Sequence[Written]) -> Lessons:
        names = list(dict.fromkeys(sample.id for each in comparisons for sample in each.shown))
        place = {own: number for number, own in enumerate(names)}
        rows = [*(self._written[own] for own in names), *edits]
        pairs = [pair for each in comparisons for pair in each.pairs()]
        texts = list(range(len(names), len(rows)))
        if self.method == "supervised":
            texts, pairs = texts + sorted({place[better.id] for better, _, _ in pairs}), []
        windows = WindowCutter(rows, model.context, model.example.start)(rows)
        return Lessons(
            windows,
            WindowReader(model)(windows)[0],
            np.array([[place[better.id], place[worse.id]] for better, worse, _ in pairs], np.int32).reshape(-1, 2),
            np.array([weight for _, _, weight in pairs]),
            np.array(texts, np.int32),
        )

    def _win_rate(
        self, judge: Any, school: "School", author: Any, comparisons: Sequence[Comparison]
    ) -> tuple[float, float, float] | None:
        """How often new is liked better than old at common seeds: the version that half of the answers make, by the
        judge that the other half makes, and its interval. A judge of the same answers would praise their chance."""
        half = folds_of(judge.answers(comparisons), 2, self.request.seed)
        sides = [[each for each, own in zip(comparisons, half, strict=True) if own == side] for side in (0, 1)]
        if not all(sides):
            return None
        prompts, seed = self._prompts(), _FIRST_SEED + COUNT
        school.restore()
        old = author(prompts, seed)
        lessons = self._lessons(school.model, sides[0], [])
        school.teach(lessons)
        new = author(prompts, seed)
        school.restore()  # the judge sees with the old eyes
        choice = judge.learn(sides[1])
        places = [judge.positions(author.texts(rows), rows) for rows in (old, new)]
        return preferred(choice, places[1] - places[0], self.request.seed)

    def _about_length(self) -> bool:
        """Whether what is picked is longer than the rest, or shorter, more often than chance has it."""
        signs = [
            np.sign(len(self._written[better.id].completion) - len(self._written[worse.id].completion))
            for each in self.comparisons
            for better, worse, _ in each.pairs()[:1]
        ]
        longer, shorter = signs.count(1), signs.count(-1)
        return bool(longer + shorter) and 2 * binomial(max(longer, shorter), longer + shorter) < CHANCE

    def _prompts(self) -> list[np.ndarray]:
        """COUNT prompts to compare samples for, ids int32 [n]: those that people gave answers to, in turn."""
        rows = [*self._written.values(), *self._edited]
        prompts = list({row.prompt.tobytes(): row.prompt for row in rows}.values())
        order = np.random.default_rng([self.request.seed, 3]).permutation(len(prompts))
        return [prompts[order[place % len(order)]] for place in range(COUNT)]

    def _settings(self) -> SamplingSettings:
        """The settings that most of the samples were made with."""
        samples = [*self._samples.values(), *(each.sample for each in self.edits)]
        known = SamplingSettings().to_json().keys() - {"stop", "attempts"}
        kept = [{name: value for name, value in each.settings.items() if name in known} for each in samples]
        usual, _ = Counter(json.dumps(each, sort_keys=True) for each in kept).most_common(1)[0]
        return SamplingSettings.of(json.loads(usual))

    def _in_tokens(self, sample: Sample, text: str | None) -> Written:
        """A text with what the sample goes on from; with an end where the sample ended before it had to."""
        ids = np.asarray(self.codec.encode(text or ""), np.int32)
        made = len(ids) if text == sample.content else len(self.codec.encode(sample.content or ""))
        # Not exactly: what is spelled anew can be shorter in tokens.
        cut = sample.settings.get("stop") or sample.settings.get("until")
        if made < _ENDED * sample.settings.get("length", 0) and not cut:
            ids = np.append(ids, np.int32(self.codec.specification.ends[-1]))
        return Written(np.asarray(self.codec.prompt_ids(sample.prompt), np.int32), ids)


class School:
    """Teaches a model, from its present weights each time, as far as unseen text allows."""

    def __init__(self, model: Any, unseen: Any, examples: Any, bound: float, seed: int):
        self.model, self._unseen, self._examples, self._bound, self._seed = model, unseen, examples, bound, seed
        self._start = [variable.numpy() for variable in model.trained_variables()]
        self._cost = unseen.for_bound()

    def teach(self, lessons: Any) -> float:
        """The share of the way that was allowed; the model has the weights there."""
        self.restore()
        end = learn(self.model, lessons, self._examples, PreferenceConfig(), self._seed)
        variables = self.model.trained_variables()
        return as_far_as(variables, self._start, end, lambda: self._unseen.for_bound() - self._cost, self._bound)

    def restore(self) -> None:
        """Gives the model the weights back that it came with."""
        for variable, values in zip(self.model.trained_variables(), self._start, strict=True):
            variable.assign(values)


def _told(samples: Sequence[Sample]) -> bool:
    return all(sample.content is not None for sample in samples)


def _predicted(tried: HeldOut) -> str:
    return (
        f"{tried.right} of {tried.count} answers that were held out are predicted, which chance does too (p = "
        f"{tried.p_value:.2f}, by a binomial test and permutations)"
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
