"""A model card (Mitchell et al. 2019) of a run, under the headings of Hugging Face's template, from what was measured.

It is made to be passed on: no path, no text of a caption or a document, no note that quotes the data, nobody's name.
"""

import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from string import Template
from typing import Any

from tfgen import __version__
from tfgen.catalog import DATASETS
from tfgen.checkpoints import newest_name
from tfgen.console import duration, several
from tfgen.data.sources import TFDS
from tfgen.evaluate import canaries
from tfgen.evaluate.record import Evaluation, Score
from tfgen.evaluate.request import metrics_of
from tfgen.evaluate.score_descriptions import description_of, short
from tfgen.restore import open_codec, open_modality
from tfgen.representations import SEQUENCES
from tfgen.run import BASE, Run, now
from tfgen.trust.descent import erasure, feedback, lineage, parent
from tfgen.trust.energy import Energy, check_carbon, energy_of
from tfgen.trust.front_matter import front_matter
from tfgen.trust.markup import as_bullets, as_facts, as_table
from tfgen.trust.privacy import Account

_TEMPLATE = Path(__file__).with_name("templates") / "card.md"
_MODELS = {
    "gan": "generative adversarial network (GAN)",
    "vae": "variational autoencoder (VAE)",
    "gpt": "autoregressive transformer (GPT)",
    "tree": "tree of columns by their marginals (Chow and Liu; MST where it is private)",
}
# Metrics, as the catalog calls them, that tell what a model gives away of its data; and whether samples are told apart.
PRIVACY = (
    "copying", "membership", "memorisation", "generalisation", "closeness", "attribute", "singling-out", "copies",
    "level-copying", "canaries",
)
DETECTION = ("detectability", "detectability-to-the-eye")
_MOST_LABELS = 20


@dataclass(frozen=True)
class CardRequest:
    """What only the user knows; None means not said.

    license: of the model, by its name on the hub, such as "mit".
    data_license: of the training data.
    intended: what the model is meant for, in sentences.
    carbon: grams of CO2 for a kilowatt-hour, where the fit and the evaluation were not told.
    with_scores: of a private run, take in what looks at the real examples without noise: scores, alarms, what reading
        the data found, and its fingerprint.
    """

    license: str | None = None
    data_license: str | None = None
    intended: str | None = None
    carbon: float | None = None
    with_scores: bool = False


def card(run: Run, request: CardRequest = CardRequest()) -> str:
    """The card in Markdown. Needs no TensorFlow, and changes nothing.

    Raises:
        UserError: the run's files are damaged, or the carbon makes no sense.
    """
    check_carbon(request.carbon)
    return _Card(run, request).text()


class _Card:
    """Each method gives the text of one heading."""

    def __init__(self, run: Run, request: CardRequest):
        self.run, self.request, self.record = run, request, run.record
        self.codec, self.state = open_codec(run), run.codec()
        self.modality = open_modality(run)
        self.is_private = "privacy" in self.record
        self.is_withheld = self.is_private and not request.with_scores
        measured = Evaluation.read(run.results)
        self.parameters = measured and measured.parameters
        self.spent = (measured and measured.energy) or {}
        self.made_up_scores = measured.scores if measured else {}
        self.evaluation = None if self.is_withheld else measured
        self.reference = shlex.quote(run.short_reference)
        self.measure = f"`tfgen evaluate {self.reference}`"
        self.measure_unseen = f"`tfgen evaluate {self.reference} --data DATA`"
        self.made = self.modality.samples[1]

    def text(self) -> str:
        headings = (
            "summary", "description", "use", "out_of_scope", "risks", "recommendations", "data", "procedure",
            "settings", "times", "testing", "results", "words", "privacy", "detectability", "energy", "environment",
        )
        matter = front_matter(
            self.run, self.modality.hub_task(self.state), self.codec.representation, self.source(),
            self.request.license, self.evaluation,
        )  # fmt: skip
        # What the data says of itself, such as the name of a label, is no HTML.
        found = {name: getattr(self, name)() for name in headings}
        found |= {
            "lineage": lineage(self.run), "feedback": feedback(self.run),
            "erase": erasure(self.run, self.source()),
        }  # fmt: skip
        found = {name: text.replace("<", "&lt;") for name, text in found.items()}
        found["start"] = self.start()
        about = {"front_matter": matter, "title": self.run.title, "version": __version__, "date": now()[:10]}
        return Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(about, **found)

    # What it is.

    def source(self) -> str:
        """What the training data is called, without the folders that it lies in."""
        source = str(self.record["data"]["source"])
        return source if source in DATASETS or source.startswith(TFDS) else Path(source).name or source

    def summary(self) -> str:
        name = _MODELS.get(self.record["model"], self.record["model"].upper())
        count = self.record["data"]["count"]
        of_them = "tokens" if self.codec.representation == SEQUENCES else "of them"
        return f"This {name} makes {self.made}. It learned {count:,} {of_them} from \"{self.source()}\"."

    def description(self) -> str:
        facts = {
            "Model type": f"{_MODELS.get(self.record['model'], self.record['model'])}, size {self.record.get('size')}",
            "Makes": f"{self.made}, learned as {self.codec.representation}",
            "Asked by": self.asked(),
            "Parameters": f"{self.parameters:,} that were trained" if self.parameters else self._unmeasured(),
            "License": self.request.license or f"not said; with `tfgen card {self.reference} --license NAME`",
            "Finetuned from": parent(self.run) or "nothing: it began with random weights",
            "Version": self.run.version,
            "Status of the fit": self._status(),
        }
        return as_facts(facts)

    def asked(self) -> str:
        """What a person may ask for; labels are named, captions and texts are not."""
        vocabulary = self.state.get("vocabulary")
        if vocabulary is None:
            return self.modality.asked_by
        known = self.run.vocabulary()
        if known.kind == "labels":
            return f"{several(len(known.known_labels), 'label')}: {_some(known.known_labels)}"
        return f"words of captions, {len(known.words):,} of them" if known.kind == "captions" else "nothing: no prompts"

    def _status(self) -> str:
        status = self.record["status"]
        if status == "finished":
            return status
        return f"{status}; these are the weights as good as they are.{self._go_on()}"

    def _go_on(self) -> str:
        if self.record["status"] in ("finished", "failed"):
            return ""
        return f" Go on: `tfgen fit {self.record['model']} -o {shlex.quote(self.run.name)} --resume`"

    # What it is for, and what can go wrong.

    def use(self) -> str:
        said = self.request.intended or (
            f"Nobody said what it is meant for; with `tfgen card {self.reference} --intended \"...\"`."
        )
        return f"{said}\n\nIt can make {self.made} like those that it learned, for uses that allow made-up ones."

    def out_of_scope(self) -> str:
        lines = [
            f"Passing its {self.made} off as real ones.",
            f"Anything that it did not learn: it knows {self.record['data']['count']:,} examples, and nothing else.",
            "Decisions about people, or any use in which a wrong one does harm, unless it was tested for that use.",
        ]
        return as_bullets(lines)

    def risks(self) -> str:
        lines = [
            f"Its {self.made} have the gaps and the imbalance of its data. tfgen measures no fairness between groups.",
        ]
        counted = self._balance()
        if counted:
            lines.append(counted)
        if self.is_withheld:
            lines.append(f"Alarms of an evaluation: {self._not_evaluated()}")
        elif self.evaluation is None:
            lines.append(f"Not evaluated, so nothing is known of quality, variety or copies: {self.measure}")
        else:
            alarms = self.evaluation.alarms
            lines += [f"**{each.name}: {each.state}.** {each.sentence}" for each in alarms]
        if self.record.get("warning"):
            lines.append(self.record["warning"])
        return as_bullets(lines)

    def _balance(self) -> str:
        """How common labels are in the data."""
        known = self.run.vocabulary() if self.state.get("vocabulary") else None
        if known is None or known.kind != "labels" or not sum(known.counts):
            return ""
        counts = {prompt: count for prompt, count in zip(known.prompts, known.counts, strict=True) if count}
        least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        rarest, commonest = f'"{least}", has {counts[least]:,} examples', f'"{most}", {counts[most]:,}'
        return f"The rarest label, {rarest}, the commonest, {commonest}."

    def recommendations(self) -> str:
        if self.is_withheld:
            return "Ask its owner how good it is, and look at samples before they are used."
        if self.evaluation is None:
            return f"Evaluate it before anybody relies on it: {self.measure}"
        advice = [each.advice for each in self.evaluation.alarms if each.state == "raised" and each.advice]
        untested = [each.name for each in self.evaluation.alarms if each.state == "not tested"]
        if untested:
            names = ", ".join(untested)
            advice.append(f"Not tested: {names}. Examples that it never saw may tell: {self.measure_unseen}")
        return as_bullets(advice) if advice else "No alarm was raised; look at samples before they are used."

    def start(self) -> str:
        first = self.modality.first_command(self.state, self.run.short_reference)
        _, verb, _, *rest = shlex.split(first)
        python = f"import tfgen\n\nrun = tfgen.load({self.run.short_reference!r})"
        if verb == "generate":
            prompt = f"{rest[0]!r}, " if rest and not rest[0].startswith("-") else ""
            python += f"\nsamples = run.generate({prompt}n=4)"
        lines = [
            f"With tfgen {self.record['environment'].get('tfgen', __version__)}:", "",
            "```console", first, f"tfgen export {self.reference}", "```", "",
            "```python", python, "```", "",
            "The first command makes samples, the second files that work without tfgen.",
        ]  # fmt: skip
        return "\n".join(lines)

    # What it learned, and how.

    def data(self) -> str:
        stored, report = self.record["data"], _report(self.run)
        broken = len(report.get("broken", []))
        read = "not known, since `data.json` is gone"
        if report:
            read = f"{report['found']:,} files, rows or pieces were found, {report['used']:,} used"
            read += f", {broken:,} broken" if broken else ""
        facts = {
            "Name": f"\"{self.source()}\", {self.modality.plural}",
            "Examples": f"{stored['count']:,}",
            "License": self._data_license(),
        }
        if not self.is_withheld:
            facts |= {
                "Read": read,
                "Fingerprint": f"`{stored['fingerprint']}` (SHA-256 of the content, wherever it lies)",
                "Held out": self._held_out(),
            }
        return as_facts(facts)

    def _held_out(self) -> str:
        if self.evaluation is None:
            return self._not_evaluated()
        if self.evaluation.measured_with.holdout:
            return "judged by examples that it never saw"
        return f"no held-out examples were looked at; name some: {self.measure_unseen}"

    def _data_license(self) -> str:
        source = self.record["data"]["source"]
        known = DATASETS.load(source).licence if source in DATASETS else ""
        unsaid = f"not said; with `tfgen card {self.reference} --data-license NAME`"
        return self.request.data_license or known or unsaid

    def procedure(self) -> str:
        record, reached = self.record, self.record.get("reached", 0)
        planned, batch = record.get("steps") or 0, record["config"].get("batch_size")
        steps = several(reached, "step") + (f" of {planned:,} planned" if planned != reached else "")
        sentences = [f"{steps}{f', each of {batch} examples' if batch else ''}, from the seed {record['seed']}."]
        if record.get("kept", reached) != reached:
            sentences.append(f"The weights of step {record['kept']:,} are kept, which measured best on the way.")
        if record.get("shortened"):
            sentences.append("The plan was shortened on the way, since the machine became slower.")
        return " ".join([*sentences, *self._once_more()])

    def _once_more(self) -> list[str]:
        """How anybody gets the same weights, where that can be."""
        if self.is_private:
            return ["Its noise isn't kept, so nobody can make the same weights once more."]
        if self.record["status"] != "finished":
            return []
        weights = "the same weights" if self.run.version == BASE else "the weights that the version began with"
        again = f"On the same machine, with the same software and data, {weights} come out of"
        return [f"{again} `tfgen fit --repeat {shlex.quote(self.run.name)}`."]

    def settings(self) -> str:
        """Those of the model; those of the data may hold paths."""
        return ", ".join(f"`{name}={value}`" for name, value in self.record["config"].items() if value is not None)

    def times(self) -> str:
        history = self.run.history()
        if not history:
            return f"There is no report of the fit.{self._go_on()}"
        last = history[-1]
        losses = [
            f"{name.replace('_', ' ')} {short(value)}" for name, value in last.items()
            if name not in ("step", "seconds", "steps_per_second") and isinstance(value, (int, float))
        ]
        what = "Reported last, as a private fit has no losses" if self.is_private else "Losses at its end"
        return f"{duration(last['seconds'])} of training. {what}: {', '.join(losses)}."

    # What was measured.

    def testing(self) -> str:
        found = self.evaluation
        if self.is_withheld:
            return (
                "**Left out.** The run is private, and evaluations look at the real examples without noise, so what "
                "they found is for the owner alone."
            )
        if found is None:
            return self._not_evaluated()
        what = found.measured_with
        lines = [
            f"On {found.created[:10]}, of the checkpoint of step {found.step:,}: {what.count:,} {self.made} from seed "
            f"{what.seed} on, beside real examples.",
            "What each score means: docs/evaluation.md of tfgen. The columns behind it are what others score: `real` "
            "is the floor.",
        ]
        if found.checkpoint != newest_name(self.run.checkpoints):
            lines.insert(0, f"**The run has other weights by now**; measure those: {self.measure}.")
        return " ".join(lines)

    def _not_evaluated(self) -> str:
        return "**Left out**, see \"Evaluation\"." if self.is_withheld else self._unmeasured()

    def _unmeasured(self) -> str:
        return f"**Not measured.** {self.measure} measures it."

    def results(self) -> str:
        if self.evaluation is None:
            return self._not_evaluated()
        found = self.evaluation
        left = [f"{name}: {why}" for name, why in found.left_out.items()]
        return _table(found, found.scores) + (f"\n\nLeft out:\n\n{as_bullets(left)}" if left else "")

    def words(self) -> str:
        return self._not_evaluated() if self.evaluation is None else self.evaluation.words

    def privacy(self) -> str:
        parts = [self._of_metrics(PRIVACY), self._guarantee(), self._canaries()]
        return "\n\n".join(filter(None, parts))

    def _guarantee(self) -> str:
        """What of privacy holds whatever an attack does."""
        if not self.is_private:
            return "There is no formal guarantee: the fit added no noise to what it learned (no differential privacy)."
        account = Account.from_json(self.record["privacy"])
        limits = [f"Not covered: {sentence}" for sentence in account.not_covered]
        return "\n\n".join([f"Differential privacy: {account.in_words}.", *limits])

    def _canaries(self) -> str:
        """What an attack found of examples that nobody has, which is no secret of a private run either."""
        found = canaries.found_in_words(self.run, self.made_up_scores)
        return f"Canaries, examples that nobody has: {found}." if found else ""

    def detectability(self) -> str:
        signed = "What tfgen writes says under a signature that a model made it: see \"Provenance and Lineage\"."
        return f"{self._of_metrics(DETECTION)}\n\n{signed}"

    def _of_metrics(self, wanted: Collection[str]) -> str:
        """The scores of some metrics, or why there are none."""
        known = [name for name in metrics_of(self.codec.representation, self.record["modality"]) if name in wanted]
        if not known:
            return f"**Not measured.** tfgen has no metric of it for {self.made}."
        found = self.evaluation
        if found is None:
            return self._not_evaluated()
        scores = {name: score for name, score in found.scores.items() if score.metric in known}
        parts = [_table(found, scores)] if scores else []
        left = [f"**{name}: not measured.** {found.left_out[name]}" for name in known if name in found.left_out]
        if left:
            parts.append(as_bullets(left))
        described = {
            description_of(name, score.metric, found.measured_with.unit) for name, score in scores.items()
        }
        parts += [as_bullets(sorted(f"{each.title}: {each.sentence}" for each in described))] if described else []
        return "\n\n".join(parts) or self._not_evaluated()

    def energy(self) -> str:
        fitted, judged = energy_of(self.record), Energy.from_json(self.spent)
        samples = Energy.from_json(self.spent.get("thousand_samples"))
        again = "**Not measured.**"
        if self.record.get("steps") and not self.is_private:
            again += f" `tfgen fit --repeat {shlex.quote(self.run.name)}` fits it once more, with a meter."
        facts = {
            "Fit": again if fitted is None else self._energy(fitted),
            "Evaluation": self._energy(judged) if judged else self._unmeasured(),
            "A thousand samples": self._energy(samples) if samples else self._unmeasured(),
            "Hardware": self._hardware(),
        }
        notes = [
            "Of the processor, and of graphics cards where they have a counter. Memory, cooling, runs that this one "
            "began with and versions that learned from people are not in it."
        ]
        if fitted is not None and self._with_carbon(fitted).carbon is None:
            notes.append(f"Grams of CO2: `tfgen card {self.reference} --carbon GRAMS_PER_KWH`.")
        return f"{as_facts(facts)}\n\n{' '.join(notes)}"

    def _energy(self, spent: Energy) -> str:
        return self._with_carbon(spent).in_words()

    def _with_carbon(self, spent: Energy) -> Energy:
        return spent if self.request.carbon is None else replace(spent, carbon=self.request.carbon)

    def _hardware(self) -> str:
        there = self.record["environment"]
        return f"{there['processor']}, {several(there['threads'], 'thread')}, {' and '.join(there['devices'])}"

    def environment(self) -> str:
        names = {"tfgen": "tfgen", "python": "Python", "tensorflow": "TensorFlow", "keras": "Keras", "numpy": "NumPy"}
        there = self.record["environment"]
        software = ", ".join(f"{title} {there[name]}" for name, title in names.items() if name in there)
        return as_facts({"Hardware": self._hardware(), "Software": software})


def _report(run: Run) -> dict[str, Any]:
    """What reading the data found; empty where that is gone."""
    try:
        return json.loads((run.path / "data.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _table(found: Evaluation, scores: Mapping[str, Score]) -> str:
    """Scores with their intervals, and what others score."""
    if not scores:
        return "Nothing could be measured."
    others = [name for name, each in found.baselines.items() if any(score in each for score in scores)]
    rows = [["Score", "Value", "95 % interval", "Better", *others]]
    for name, score in scores.items():
        description = description_of(name, score.metric, found.measured_with.unit)
        interval = description.interval(score)
        between = "-" if interval is None else " to ".join(map(description.text, interval))
        beside = [description.text(found.baselines[other].get(name)) for other in others]
        rows.append([description.title, description.text(score.value), between, score.better, *beside])
    return as_table(rows)


def _some(names: Sequence[str]) -> str:
    """The first of many names."""
    more = f" and {len(names) - _MOST_LABELS} more" if len(names) > _MOST_LABELS else ""
    return ", ".join(list(names)[:_MOST_LABELS]) + more
