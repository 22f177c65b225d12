"""The evaluation as one page that opens anywhere: samples and charts lie in the file, and nothing is fetched."""

import math
import re
from collections.abc import Mapping
from html import escape
from string import Template

import numpy as np

from tfgen.evaluate.charts import OWN, Axis, bounds, dot_plot, line_chart, mark
from tfgen.evaluate.evaluator import Parts
from tfgen.evaluate.page import TEMPLATES, facts_list, time_of, write_page
from tfgen.evaluate.record import Alarm, Evaluation, Score
from tfgen.evaluate.score_descriptions import ScoreDescription, description_of, short
from tfgen.run import Run
from tfgen.trust.energy import Energy, energy_of

FILE = "report.html"


def write_report(run: Run, evaluation: Evaluation, parts: Parts) -> None:
    """Writes `report.html` into the run."""
    body = Template((TEMPLATES / FILE).read_text(encoding="utf-8")).substitute(
        name=escape(evaluation.run),
        about=_about(run, evaluation, parts.data),
        words=_words(evaluation.words),
        alarms=_alarms(evaluation.alarms, parts.questions),
        scores=_scores(evaluation, parts.baselines),
        sections="\n".join(f"<section>\n{section}\n</section>" for section in parts.sections if section),
        losses=_losses(run, parts.on_losses),
        measured=_measured(evaluation, parts.measured),
    )
    write_page(run.results / FILE, f"{evaluation.run}: evaluation", body)


# The title


def _about(run: Run, evaluation: Evaluation, data: str) -> str:
    return facts_list(
        {
            "Model": f"{run.record['model'].upper()}, {short(evaluation.parameters)} parameters",
            "Data": data,
            "Trained for": f"{evaluation.step:,} steps, {short(evaluation.minutes)} min",
            "Evaluated": time_of(evaluation.created),
            **_energy(run, evaluation),
        }
    )


def _energy(run: Run, evaluation: Evaluation) -> dict[str, str]:
    """What the fit, the evaluation and a thousand samples cost, as far as it is known."""
    known = {
        "Energy of the fit": energy_of(run.record),
        "Of this evaluation": Energy.from_json(evaluation.energy),
        "Of a thousand samples": Energy.from_json((evaluation.energy or {}).get("thousand_samples")),
    }
    return {name: energy.short() for name, energy in known.items() if energy is not None}


def _words(words: str) -> str:
    """The paragraph, with the words that begin its parts in bold."""
    return re.sub(r"(^|(?<=\. ))(Good|Weak|To change):", r"<strong>\2:</strong>", escape(words))


# Alarms

_SIGNS = {"raised": "!", "quiet": "\N{CHECK MARK}", "not tested": "?"}


def _alarms(alarms: list[Alarm], questions: Mapping[str, str]) -> str:
    counts = {state: sum(alarm.state == state for alarm in alarms) for state in _SIGNS}
    summary = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none"
    cards = "".join(_alarm(alarm, questions.get(alarm.name)) for alarm in alarms)
    return f'<h2>Alarms <small>{summary}</small></h2>\n<div class="alarms">{cards}</div>'


def _alarm(alarm: Alarm, question: str | None) -> str:
    lines = [
        f'<p class="state"><span aria-hidden="true">{_SIGNS.get(alarm.state, "?")}</span> {escape(alarm.state)}</p>',
        f"<h3>{escape(alarm.name.capitalize())}</h3>",
        f'<p class="question">{escape(question)}</p>' if question else "",
        f"<p>{escape(alarm.sentence)}</p>",
        f"<p><strong>What to do:</strong> {escape(alarm.advice)}</p>" if alarm.advice else "",
    ]
    return f'<article class="alarm {alarm.state.replace(" ", "-")}">{"".join(lines)}</article>'


# Scores


def _scores(evaluation: Evaluation, baselines: Mapping[str, str]) -> str:
    if not evaluation.scores:
        return "<h2>Scores</h2>\n<p>None could be measured; the end of this page says why.</p>"
    names = list(evaluation.baselines)
    keys = [f"<li>{_key(OWN)} <b>{OWN}</b>, with its 95% interval</li>"]
    what = {name: escape(baselines.get(name, "a baseline")) for name in names}
    keys += [f"<li>{_key(name)} <b>{escape(name)}</b>: {what[name]}</li>" for name in names]
    heads = "".join(f'<th scope="col">{head}</th>' for head in _heads(names))
    rows = "".join(_score(name, score, evaluation) for name, score in evaluation.scores.items())
    return (
        f'<h2>Scores</h2>\n<ul class="keys">{"".join(keys)}</ul>\n'
        f'<table class="scores"><thead><tr>{heads}</tr></thead>{rows}</table>\n'
        '<p class="note">The interval tells how far chance may have moved the score: 95 of 100 such intervals hold '
        "what endless samples and examples would give. Distances stand on a logarithmic scale; an arrow or a dotted "
        'line shows where better is. "-" is for what can\'t be had.</p>'
    )


def _heads(baselines: list[str]) -> list[str]:
    own = f"{_key(OWN)} {OWN}"
    return ["score", own, "95% interval", "better", *(f"{_key(name)} {escape(name)}" for name in baselines)]


def _key(name: str) -> str:
    return f'<svg class="key" viewBox="0 0 14 14" aria-hidden="true">{mark(name)}</svg>'


def _score(name: str, score: Score, evaluation: Evaluation) -> str:
    description = description_of(name, score.metric, evaluation.measured_with.unit)
    interval = description.interval(score)
    others = {baseline: scores.get(name) for baseline, scores in evaluation.baselines.items()}
    cells = [
        description.text(score.value),
        "-" if interval is None else f"{description.text(interval[0])} to {description.text(interval[1])}",
        score.better,
        *map(description.text, others.values()),
    ]
    numbers = "".join(
        f'<td><span class="head" aria-hidden="true">{head}</span>{escape(cell)}</td>'
        for head, cell in zip(_heads(list(others))[1:], cells, strict=True)
    )
    return (
        f'<tbody><tr class="numbers"><th scope="row">{escape(description.title)}</th>{numbers}</tr>'
        f'<tr class="reading"><td colspan="{len(cells) + 1}"><div><p>{escape(description.sentence)}</p>'
        f"{_plot(score, description, others)}</div></td></tr></tbody>\n"
    )


def _plot(score: Score, description: ScoreDescription, others: dict[str, float | None]) -> str:
    """Where the run stands between the baselines; nothing for a score without a natural scale."""
    known = {name: value for name, value in others.items() if value is not None and math.isfinite(value)}
    if not math.isfinite(score.value) or not (known or score.better.startswith("near ")):
        return ""
    values = [score.value, *known.values()]
    if description.logarithmic:
        axis = Axis.of_decades(values)
    elif description.most is not None:
        axis = Axis(description.least, description.most)
    elif description.usual is not None:
        low = min(0.0, *values) if description.least is None else description.least
        axis = Axis(low, max(description.usual, *(1.05 * value for value in values)))
    else:
        return ""
    interval = description.interval(score)
    return dot_plot(score.value, interval, known, axis, score.better, description.text, description.tick)


# Losses, and how it was measured


def _losses(run: Run, about: str) -> str:
    rows = [row for row in run.history() if row.get("step") is not None]
    names = dict.fromkeys(name for row in rows for name in row if name not in ("step", "seconds", "steps_per_second"))
    if not names:
        return '<h2>Losses</h2>\n<p class="note">The run has no reports of its training.</p>'
    figures = "".join(_loss(rows, name) for name in names)
    measured = run.history("quality.jsonl")
    for name in dict.fromkeys(name for row in measured for name in row if name not in ("step", "seconds")):
        figures += _loss(measured, name)
    return (
        f'<h2>Losses</h2>\n<p class="note">Over the steps of the training. {escape(about)}</p>\n'
        f'<div class="charts">{figures}</div>'
    )


def _loss(rows: list[dict[str, float]], name: str) -> str:
    steps, values = [row["step"] for row in rows], [row.get(name) for row in rows]
    known = np.array([value for value in values if value is not None], float)
    low, high = bounds(known)
    strays = int(np.count_nonzero((known < low) | (known > high)))
    words = escape(name.replace("_", " "))
    beyond = f" <small>({strays} of {len(known)} reports lie beyond the axis)</small>" if strays else ""
    chart = line_chart(steps, values, name.replace("_", " "), short)
    return f"<figure><figcaption>{words}{beyond}</figcaption>{chart}</figure>"


def _measured(evaluation: Evaluation, parts: Mapping[str, str]) -> str:
    measured = evaluation.measured_with
    facts = {
        **parts,
        "Training data": measured.reference,
        "Held-out data": measured.holdout or "none",
        "Version of the metrics": str(measured.tfgen_format),
    }
    notes = "".join(f"<li>{escape(note)}</li>" for note in evaluation.notes)
    left_out = "".join(f"<li><b>{escape(name)}</b>: {escape(why)}</li>" for name, why in evaluation.left_out.items())
    return "\n".join(
        [
            "<h2>How it was measured</h2>",
            f"<p>On the checkpoint {escape(evaluation.checkpoint)}, of step {evaluation.step:,}.</p>",
            "<p><strong>Scores can only be compared where all of this is the same:</strong></p>",
            facts_list(facts),
            f"<h3>Notes</h3><ul>{notes}</ul>" if notes else "",
            f"<h3>Metrics that were left out</h3><ul>{left_out}</ul>" if left_out else "",
        ]
    )
