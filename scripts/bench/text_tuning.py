"""Tuning text: simulated people with a rule that the model was never told, and real people's preferences.

    python scripts/bench/text_tuning.py rules            5 minutes a rule and seed, with a fit of 3 minutes first
    python scripts/bench/text_tuning.py rules RUN        with a run of one's own on plays, as the embedded shakespeare
    python scripts/bench/text_tuning.py people [RUN]     2 minutes, where the sets are

A rule judges completions by code. People compare two completions of a prompt, and a tenth of the answers is wrong. What
is reported is measured with the rule itself, on new prompts from held-out text, at common seeds: the gain in standard
deviations of the rule over the old version's samples, and how often the new version's sample is the better one.
"""

import os
import re
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from common import CHECKOUT, kept_folder, must, show_table, talk, tfgen

PROMPTS, EACH = 100, 12  # of which people see completions, and how many each has
NEW_PROMPTS, NEW_EACH = 60, 5  # on which is measured
_ARCHAIC = re.compile(r"\b(thou|thee|thy|thine|thyself|ye)\b")
_OPENING = re.compile(r"\n\n([A-Z][A-Za-z ]+:\n[^\n]{0,30}?) ")
SHARED = Path(os.environ.get("TFGEN_SHARED_DATA", CHECKOUT.parent / "shared" / "data"))
SETS = {
    "OpenAssistant, ranked replies": "oasst1_en_validation/messages.jsonl",
    "OpenAssistant, neighbours in rank": "oasst1_en_validation/preference_pairs.jsonl",
    "PandaLM, three people": "pandalm_testset/testset-v1.json",
}


def no_archaic_pronouns(text: str) -> float:
    return -len(_ARCHAIC.findall(text.lower()))


def shorter_lines(text: str) -> float:
    lines = [len(line) for line in text.split("\n")[1:-1] if line.strip()]
    return -statistics.mean(lines) if lines else -float(len(text))


def longer_words(text: str) -> float:
    words = re.findall(r"[A-Za-z']+", text)
    return statistics.mean(map(len, words)) if words else 0.0


def more_exclamations(text: str) -> float:
    return text.count("!") + text.count("?")


def shorter_texts(text: str) -> float:
    return -len(text)


def rhymes(text: str) -> float:
    """The share of lines whose last two letters end one of the two lines before."""
    ends = [re.sub("[^a-z]", "", line.lower())[-2:] for line in text.split("\n")[:-1] if len(line) > 8]
    return sum(end in ends[max(0, place - 2) : place] for place, end in enumerate(ends)) / max(len(ends) - 1, 1)


_ALL = (no_archaic_pronouns, shorter_lines, longer_words, more_exclamations, shorter_texts, rhymes)
RULES: dict[str, Callable[[str], float]] = {rule.__name__: rule for rule in _ALL}


@click.group()
def main() -> None:
    """How well a model of text learns from people."""


@main.command()
@click.argument("run", required=False)
@click.option("--rule", "names", multiple=True, type=click.Choice(list(RULES)), help="By default the first three.")
@click.option("--pairs", default=300, show_default=True, help="Comparisons.")
@click.option("--wrong", default=0.1, show_default=True, help="Share of the answers that are wrong.")
@click.option("--seeds", default=1, show_default=True, help="Repetitions.")
@click.option("--first-seed", default=1, show_default=True)
@click.option("--strength", default=1.0, show_default=True)
def rules(
    run: str | None, names: Sequence[str], pairs: int, wrong: float, seeds: int, first_seed: int, strength: float
) -> None:
    """The gain by hidden rules, and what it costs."""
    rows = []
    for seed in range(first_seed, first_seed + seeds):
        world = World(_opened(run), seed)
        for name in names or list(RULES)[:3]:
            row = world.tuned(name, pairs, wrong, strength)
            talk(str(row))
            rows.append((name, seed, *row))
    show_table(
        ("rule", "seed", "pairs", "held-out", "gain, sd", "true wins", "judged wins", "nats", "tokens", "distinct",
         "repetition", "share", "s"),
        rows,
    )


class World:
    """A run, what people are shown of it, and what it is measured on; for any number of rules."""

    def __init__(self, run: Any, seed: int):
        from tfgen.evaluate.sequences.reference_data import ReferenceData
        from tfgen.representations.sequences.sampling_settings import SamplingSettings
        from tfgen.restore import load_model, open_codec
        from tfgen.tuning.sequence_measures import Author, UnseenText

        self.run, self.seed, self.codec, self.settings = run, seed, open_codec(run), SamplingSettings()
        self.model = load_model(run)
        self.start = [variable.numpy() for variable in self.model.trained_variables()]
        data = ReferenceData(run, None)
        self.author, self.unseen = Author(self.model, self.codec, self.settings), UnseenText(self.model, data)
        self.prompts = self._openings(data, data.training_tokens(2**20).ids, "training", PROMPTS)
        self.new_prompts = self._openings(data, data.unseen.ids, "held-out", NEW_PROMPTS) * NEW_EACH
        talk(f"seed {seed}: {PROMPTS * EACH} samples to compare")
        self.shown = self._texts(self.prompts * EACH, 10_000 * seed)
        self.old = self._texts(self.new_prompts, 5_000_000 + 10_000 * seed)

    def tuned(self, name: str, pairs: int, wrong: float, strength: float) -> tuple:
        """A row of the table."""
        from tfgen.errors import UserError
        from tfgen.tuning import TuneRequest
        from tfgen.tuning.sequences import SequenceTuner

        rule, began = RULES[name], time.monotonic()
        preferences = self._preferences(rule, pairs, wrong)
        count = len(preferences.comparisons)
        try:
            request = TuneRequest(strength=strength, seed=self.seed)
            outcome = SequenceTuner(self.run, preferences, self.codec, request).tune()
        except UserError as error:
            return count, str(error)[:80], *[""] * 9
        seconds, before = time.monotonic() - began, self.unseen.reported()
        talk(f"{name}: {outcome}" if os.environ.get("VERBOSE") else f"{name}: {list(outcome.concerns)}")
        self.model.adopt(outcome.arrays)
        new, cost = self._texts(self.new_prompts, 5_000_000 + 10_000 * self.seed), self.unseen.reported() - before
        for variable, values in zip(self.model.trained_variables(), self.start, strict=True):
            variable.assign(values)
        old_values, new_values = (np.array([rule(text) for text in texts]) for texts in (self.old, new))
        gain = (new_values.mean() - old_values.mean()) / old_values.std()
        wins = np.mean((new_values > old_values) + 0.5 * (new_values == old_values))
        change = [outcome.after[key] / outcome.before[key] for key in ("tokens", "distinct words")]
        repetition = outcome.after["repetition"] - outcome.before["repetition"]
        judged = "{:.2f} [{:.2f}, {:.2f}]".format(*outcome.win_rate)
        return (count, f"{outcome.held_out.accuracy:.3f}", f"{gain:+.2f}", f"{wins:.2f}", judged, f"{cost:+.4f}",
                f"x{change[0]:.2f}", f"x{change[1]:.2f}", f"{repetition:+.3f}",
                f"{outcome.facts['share_of_the_way']:.2f}", f"{seconds:.0f}")

    def _preferences(self, rule: Callable[[str], float], count: int, wrong: float) -> Any:
        from tfgen.feedback.events import Sample
        from tfgen.feedback.preferences import Comparison, Preferences

        chance, found = np.random.default_rng([self.seed, 4]), []
        values = np.array([rule(text) for text in self.shown])
        samples = [
            Sample.of(self.run, self.prompts[place % PROMPTS], place, settings=self.settings.to_json(), content=text)
            for place, text in enumerate(self.shown)
        ]
        turns = chance.permutation(EACH)
        candidates = [
            (first * PROMPTS + prompt, second * PROMPTS + prompt)
            for prompt in range(PROMPTS)
            for first, second in zip(turns[::2], turns[1::2], strict=True)
        ]
        for place in chance.permutation(len(candidates)):
            first, second = candidates[place]
            if values[first] != values[second] and len(found) < count:  # a person who sees no difference skips
                better = int((values[second] > values[first]) != (chance.random() < wrong))
                found.append(Comparison((samples[first], samples[second]), (better,), "someone"))
        return Preferences(tuple(found))

    def _openings(self, data: Any, ids: np.ndarray, part: str, count: int) -> list[str]:
        """Prompts of a part of the data; of plain text the heads of speeches with their first letters."""
        examples = data.training
        if examples.kind == "text":
            found = [match.group(1) for match in _OPENING.finditer(data.text(ids))]
        else:
            given = (stored[~examples.learned(stored)] for stored in examples.documents_of(part))
            found = [data.text(examples.ids(stored)) for stored in given]
        found = list(dict.fromkeys(each for each in found if each))
        order = np.random.default_rng([self.seed, 5]).permutation(len(found))[:count]
        if len(order) < count:
            raise SystemExit(f"The {part} text has {len(order)} things to go on from, fewer than {count}.")
        return [found[place] for place in order]

    def _texts(self, prompts: Sequence[str], seed: int) -> list[str]:
        return self.author.texts(self.author([self.codec.prompt_ids(prompt) for prompt in prompts], seed))


@main.command()
@click.argument("run", required=False)
def people(run: str | None) -> None:
    """Held-out accuracy of the judge on real people's preferences, by five folds over prompts, with its interval."""
    from tfgen.evaluate.statistics import wilson

    rows, opened = [], _opened(run)
    for name, file in SETS.items():
        if not (SHARED / file).exists():
            talk(f"{name}: skipped, since there is no {SHARED / file}")
            continue
        began = time.monotonic()
        tried, longer = _judged(opened, SHARED / file)
        low, high = wilson(tried.accuracy, tried.count)
        rows.append((name, tried.count, f"{tried.accuracy:.3f}", f"{low:.3f} to {high:.3f}", f"{tried.p_value:.2g}",
                     f"{longer:.3f}", f"{time.monotonic() - began:.0f}"))
        talk(str(rows[-1]))
    if rows:
        show_table(("set", "answers", "accuracy", "95 %", "p", "the longer one", "s"), rows)


def _judged(run: Any, path: Path) -> tuple[Any, float]:
    """How well answers are predicted, and the share of pairs in which the longer text was preferred."""
    from tfgen.feedback.events import Sample
    from tfgen.feedback.layouts import read_rows
    from tfgen.feedback.preferences import Comparison
    from tfgen.restore import load_model, open_codec
    from tfgen.tuning.sequence_judge import SequenceJudge
    from tfgen.tuning.sequence_windows import Written

    codec, comparisons = open_codec(run), []
    for row in read_rows(path):
        if 0 < len(row["picked"]) < len(row["shown"]):
            shown = tuple(Sample(run.name, "elsewhere", prompt=row["prompt"], content=text) for text in row["shown"])
            comparisons.append(Comparison(shown, tuple(row["picked"]), row["who"]))
    samples = {sample.id: sample for each in comparisons for sample in each.shown}
    written = {own: Written(codec.encode(each.prompt), codec.encode(each.content)) for own, each in samples.items()}
    texts = {own: each.content for own, each in samples.items()}
    judge = SequenceJudge(load_model(run), codec, texts, written)
    pairs = [pair for each in comparisons for pair in each.pairs()]
    signs = [np.sign(len(better.content) - len(worse.content)) for better, worse, _ in pairs]
    return judge.held_out(comparisons), float(np.mean(signs) + 1) / 2


def _opened(name: str | None) -> Any:
    """The run of this name, or one that is fitted once and kept."""
    from tfgen.run import Run

    if name:
        return Run.open(name)
    path = kept_folder() / "text_tuning"
    if not path.exists():
        talk("Fitting a tiny GPT for 3 minutes ...")
        must(tfgen("fit", "gpt", "shakespeare", "-o", path, "--size", "tiny", "--minutes", 3))
    return Run.open(str(path))


if __name__ == "__main__":
    main()
