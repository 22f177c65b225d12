"""The evaluation as one page that opens anywhere: pictures and charts lie in the file, and nothing is fetched."""

import math
import re
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

import numpy as np

from tfgen import __version__, files
from tfgen.evaluate.charts import OWN, Axis, bounds, dot_plot, line_chart, mark
from tfgen.evaluate.gallery import neighbours_section, samples_section
from tfgen.evaluate.groups import Group
from tfgen.evaluate.readings import Reading, reading_of, short
from tfgen.evaluate.record import Alarm, Evaluation, Score
from tfgen.run import Run

if TYPE_CHECKING:
    from tfgen.evaluate.evidence import Examiner

FILE = "report.html"

_TEMPLATE = Path(__file__).with_name("templates") / FILE


def write_report(run: Run, evaluation: Evaluation, examiner: "Examiner", samples: Group) -> None:
    """Writes `report.html` into the run; `samples` are those that were scored."""
    page = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=escape(evaluation.run),
        about=_about(run, evaluation),
        words=_words(evaluation.words),
        alarms=_alarms(evaluation.alarms),
        scores=_scores(evaluation),
        samples=samples_section(examiner, samples),
        neighbours=neighbours_section(evaluation, examiner, samples),
        losses=_losses(run),
        measured=_measured(evaluation),
        version=escape(__version__),
    )
    files.write_bytes(run.path / FILE, page.encode())


# The title


def _about(run: Run, evaluation: Evaluation) -> str:
    data = run.record["data"]
    return _facts(
        {
            "Model": f"{run.record['model'].upper()}, {short(evaluation.parameters)} parameters",
            "Data": f"{data['source']}, {data['count']:,} examples",
            "Trained for": f"{evaluation.step:,} steps, {short(evaluation.minutes)} min",
            "Evaluated": _time(evaluation.created),
        }
    )


def _facts(facts: dict[str, str]) -> str:
    rows = (f"<div><dt>{escape(name)}</dt><dd>{escape(fact)}</dd></div>" for name, fact in facts.items())
    return f'<dl class="facts">{"".join(rows)}</dl>'


def _time(created: str) -> str:
    """2026-01-31T12:34:56Z as people write it."""
    found = re.fullmatch(r"([\d-]+)T(\d+:\d+):\d+Z", created)
    return f"{found[1]}, {found[2]} UTC" if found else created


def _words(words: str) -> str:
    """The paragraph, with the words that begin its parts in bold."""
    return re.sub(r"(^|(?<=\. ))(Good|Weak|To change):", r"<strong>\2:</strong>", escape(words))


# Alarms

_QUESTIONS = {
    "collapse": "Are the samples too much alike?",
    "copying": "Are the samples copies of training examples?",
    "prompt ignored": "Do the samples ignore what was asked for?",
    "overfit": "Does the model know its training examples by heart?",
}
_SIGNS = {"raised": "!", "quiet": "\N{CHECK MARK}", "not tested": "?"}


def _alarms(alarms: list[Alarm]) -> str:
    counts = {state: sum(alarm.state == state for alarm in alarms) for state in _SIGNS}
    summary = ", ".join(f"{count} {state}" for state, count in counts.items() if count) or "none"
    cards = "".join(map(_alarm, alarms))
    return f'<h2>Alarms <small>{summary}</small></h2>\n<div class="alarms">{cards}</div>'


def _alarm(alarm: Alarm) -> str:
    lines = [
        f'<p class="state"><span aria-hidden="true">{_SIGNS.get(alarm.state, "?")}</span> {escape(alarm.state)}</p>',
        f"<h3>{escape(alarm.name.capitalize())}</h3>",
        f'<p class="question">{escape(_QUESTIONS[alarm.name])}</p>' if alarm.name in _QUESTIONS else "",
        f"<p>{escape(alarm.sentence)}</p>",
        f"<p><strong>What to do:</strong> {escape(alarm.advice)}</p>" if alarm.advice else "",
    ]
    return f'<article class="alarm {alarm.state.replace(" ", "-")}">{"".join(lines)}</article>'


# Scores

_BASELINES = {
    "real": "other real examples: as good as it gets",
    "copies": "training examples again, as a model that only remembers would give",
    "noisy copies": "the same with some noise on them",
    "noise": "random pixels",
}


def _scores(evaluation: Evaluation) -> str:
    if not evaluation.scores:
        return "<h2>Scores</h2>\n<p>None could be measured; the end of this page says why.</p>"
    names = list(evaluation.baselines)
    keys = [f"<li>{_key(OWN)} <b>{OWN}</b>, with its 95% interval</li>"]
    keys += [f"<li>{_key(name)} <b>{escape(name)}</b>: {_BASELINES.get(name, 'a baseline')}</li>" for name in names]
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
    reading = reading_of(name, score.metric)
    interval = reading.interval(score)
    others = {baseline: scores.get(name) for baseline, scores in evaluation.baselines.items()}
    cells = [
        reading.text(score.value),
        "-" if interval is None else f"{reading.text(interval[0])} to {reading.text(interval[1])}",
        score.better,
        *map(reading.text, others.values()),
    ]
    numbers = "".join(
        f'<td><span class="head" aria-hidden="true">{head}</span>{escape(cell)}</td>'
        for head, cell in zip(_heads(list(others))[1:], cells, strict=True)
    )
    return (
        f'<tbody><tr class="numbers"><th scope="row">{escape(reading.title)}</th>{numbers}</tr>'
        f'<tr class="reading"><td colspan="{len(cells) + 1}"><div><p>{escape(reading.sentence)}</p>'
        f"{_plot(score, reading, others)}</div></td></tr></tbody>\n"
    )


def _plot(score: Score, reading: Reading, others: dict[str, float | None]) -> str:
    """Where the run stands between the baselines; nothing for a score without a natural scale."""
    known = {name: value for name, value in others.items() if value is not None and math.isfinite(value)}
    if not math.isfinite(score.value) or not (known or score.better.startswith("near ")):
        return ""
    values = [score.value, *known.values()]
    if reading.logarithmic:
        axis = Axis.of_decades(values)
    elif reading.most is not None:
        axis = Axis(reading.least, reading.most)
    elif reading.usual is not None:
        axis = Axis(reading.least, max(reading.usual, *(1.05 * value for value in values)))
    else:
        return ""
    return dot_plot(score.value, reading.interval(score), known, axis, score.better, reading.text, reading.tick)


# Losses, and how it was measured


def _losses(run: Run) -> str:
    rows = [row for row in run.history() if row.get("step") is not None]
    names = dict.fromkeys(name for row in rows for name in row if name not in ("step", "seconds", "steps_per_second"))
    if not names:
        return '<h2>Losses</h2>\n<p class="note">The run has no reports of its training.</p>'
    figures = "".join(_loss(rows, name) for name in names)
    measured = run.history("quality.jsonl")
    if measured:
        figures += _loss(measured, "distance")
    return (
        '<h2>Losses</h2>\n<p class="note">Over the steps of the training. The losses of a GAN tell whether its two '
        "networks are in balance, not whether its samples are good; those of a VAE fall while it learns.</p>\n"
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


def _measured(evaluation: Evaluation) -> str:
    measured = evaluation.measured_with
    facts = {
        "Samples, and as many real examples": f"{measured.count:,}",
        "Pictures": " × ".join(map(str, measured.shape)),
        "First seed": str(measured.seed),
        "Extractor": f"{measured.extractor} ({measured.extractor_hash})",
        "Pictures are resized by": measured.resizer,
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
            _facts(facts),
            f"<h3>Notes</h3><ul>{notes}</ul>" if notes else "",
            f"<h3>Metrics that were left out</h3><ul>{left_out}</ul>" if left_out else "",
        ]
    )
