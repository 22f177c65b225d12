"""What a report shows of rows: samples, columns, what goes together, what gives samples away, use and privacy."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape

import numpy as np

from tfgen.evaluate.metrics.resemblance import associations, pairs_of, shapes_of
from tfgen.evaluate.metrics.usefulness import scores_of
from tfgen.evaluate.page import html_table
from tfgen.evaluate.record import Evaluation, Score
from tfgen.evaluate.rows.boosting import Giveaway, Target
from tfgen.evaluate.rows.charts import heat_map, marginal
from tfgen.evaluate.rows.metric_inputs import REAL, SAMPLES, RowInputs
from tfgen.evaluate.rows.summary import verdict_of
from tfgen.evaluate.score_descriptions import number, percent, short
from tfgen.representations.rows.columns import DATE, DATETIME, TIME, Column

SHOWN = 10  # samples
MARGINALS = 12  # columns
LEAST_ALIKE = 8  # pairs, and columns that give samples away
MOST_MAPPED = 40  # columns of a heat map

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MISSING = "\N{EN DASH}"
_LONGEST = 40  # characters of a cell


def samples_section(inputs: RowInputs) -> str:
    """The first samples."""
    rows = inputs.samples.take(slice(0, SHOWN))
    heads = [column.name for column, _ in rows]
    cells = [[written(column, value) for value in values] for column, values in rows]
    shown = html_table(heads, [list(row) for row in zip(*cells, strict=True)], "rows cells")
    return (
        '<h2>Samples</h2>\n<p class="note">The first, in the order of their seeds: none was chosen. A dash is a '
        f"missing cell.</p>\n{shown}"
    )


def marginals_section(inputs: RowInputs) -> str:
    """The columns that are the least alike, and the one that is predicted: real rows and samples over each other."""
    real, generated = inputs.training, inputs.group(SAMPLES)
    alike = shapes_of(real, generated)
    # What nothing can be said of comes last.
    order = sorted(alike, key=lambda name: (math.isnan(alike[name]), alike[name]))
    shown = order[:MARGINALS]
    if inputs.target is not None and inputs.target.name not in shown:
        shown = [inputs.target.name, *shown[: MARGINALS - 1]]
    columns = {column.name: column for column, _ in inputs.data.training}
    figures = [
        _figure(
            marginal(columns[name], real[name], generated[name]),
            name,
            "nothing to compare" if math.isnan(alike[name]) else f"{alike[name]:.3f} alike",
        )
        for name in shown
    ]
    which = "All columns" if len(shown) == len(order) else f"{len(shown)} of {len(order)} columns"
    return (
        f'<h2>Columns</h2>\n<p class="note">{which}, the least alike first: the shares of values in real rows (grey) '
        "and in samples (blue). The outermost values of numbers are in the last bins. 1 is no difference.</p>\n"
        f'<div class="charts plots">{"".join(figures)}</div>'
    )


def pairs_section(inputs: RowInputs) -> str:
    """What goes together in real rows, in samples, and where the two differ; nothing of a table of one column."""
    real, generated = inputs.training, inputs.group(SAMPLES)
    if len(real.dtype.names) < 2:
        return ""
    alike = {pair: score for pair, score in pairs_of(real, generated).items() if not math.isnan(score)}
    names = _mapped(real.dtype.names, alike)
    maps = [_square(table, names) for table in (real, generated)]
    figures = [
        _figure(heat_map(names, maps[0]), "real rows"),
        _figure(heat_map(names, maps[1]), "samples"),
        _figure(heat_map(names, maps[1] - maps[0], True), "samples less real rows"),
    ]
    worst = sorted(alike, key=alike.__getitem__)[:LEAST_ALIKE]
    together = [associations(table, worst) for table in (real, generated)]
    rows = [
        [" and ".join(pair), f"{alike[pair]:.3f}", *(_two_digits(found[pair]) for found in together)]
        for pair in worst
    ]
    count = len(real.dtype.names)
    left = "" if len(names) == count else f" Of {count} columns, {len(names)} are shown."
    return (
        "<h2>What goes together</h2>\n"
        '<p class="note">Pearson\'s correlation of two numbers, from \N{MINUS SIGN}1 to 1; Cramér\'s V of others, from '
        f"0 to 1, numbers cut into tenths. Grey is where nothing can be said, as of a column and itself.{left}</p>\n"
        f'<div class="charts plots maps">{"".join(figures)}</div>\n<h3>The least alike</h3>\n'
        f'{html_table(["columns", "alike", "together in real rows", "in samples"], rows)}'
    )


def giveaways_section(evaluation: Evaluation, inputs: RowInputs) -> str:
    """The columns that tell samples from held-out rows; nothing where that couldn't be measured."""
    score = evaluation.scores.get("detectability")
    if score is None:
        return ""
    found = inputs.giveaways[:LEAST_ALIKE]
    rows = [[each.name, f"{each.alone:.3f}", f"{max(each.lost, 0.0):.3f}"] for each in found]
    return (
        f'<h2>What gives samples away</h2>\n<p class="note">Boosting tells a sample from a held-out row '
        f"{score.value:.0%} of the time; half the time is guessing. {escape(giveaways_words(found))} "
        "Shown is how often it is right by "
        "that column alone, and how much less often by all columns where that one is shuffled.</p>\n"
        f'{html_table(["column", "right by it alone", "lost without it"], rows)}'
    )


def giveaways_words(found: Sequence[Giveaway]) -> str:
    """A sentence on the columns that tell samples from real rows, the most telling first."""
    if found[0].alone < 0.55 and found[0].lost < 0.02:
        return "No column alone gives samples away."
    if found[0].lost > 2 * (found[0].alone - 0.5):
        return f"'{found[0].name}' gives samples away the most, together with others: by itself it is hardly unlike."
    return f"'{found[0].name}' gives samples away the most."


def usefulness_section(evaluation: Evaluation, inputs: RowInputs) -> str:
    """How well a column of held-out rows is predicted by what learned real rows, samples, or naive models' rows."""
    if "usefulness_lost" not in evaluation.scores or inputs.target is None:
        return ""
    target = inputs.target
    names = {REAL: "real rows", SAMPLES: "samples", "copula": "rows of a Gaussian copula"}
    rows = []
    for name, words in names.items():
        predictions = inputs.predictions(name)
        scores = scores_of(predictions["truth"], predictions["of_samples"])
        rows.append([words, *(number(scores[each]) for each in _shown(target))])
    heads = ["learned from", *({"f1": "F1 (macro)", "auc": "AUC", "r2": "R²"}[each] for each in _shown(target))]
    tested = len(inputs.predictions(SAMPLES))
    parts = [
        f'<h2>What samples are good for</h2>\n<p class="note">\'{escape(target.name)}\' of {tested:,} held-out rows, '
        "predicted from all other columns by gradient boosting that learned each of these, as many rows of each.</p>",
        html_table(heads, rows),
        f"<p>{escape(_on_loss(evaluation.scores['usefulness_lost']))}</p>",
    ]
    added = evaluation.scores.get("augmentation")
    if added is not None:
        rarest = evaluation.scores.get("augmentation_of_rarest")
        more = "" if rarest is None else f" For the rarest class: {_on_gain(rarest)}"
        parts.append(f"<p>{escape(f'Samples learned beside all real rows: {_on_gain(added)}{more}')}</p>")
    return "\n".join(parts)


def _shown(target: Target) -> Sequence[str]:
    return ("f1", "auc") if target.is_category else ("r2",)


def _on_loss(score: Score) -> str:
    if score.half_width is None:
        return "There are too few held-out rows to say how much is lost."
    values = f"{score.value:.3f}, give or take {score.half_width:.3f}"
    if abs(score.value) > score.half_width:
        return f"Samples do {'worse' if score.value > 0 else 'better'} than as many real rows, by {values}."
    return f"No difference to as many real rows is larger than chance ({values})."


def _on_gain(score: Score) -> str:
    words = {
        "raises": "it does better",
        "lowers": "it does worse",
        "makes no difference": "it makes no difference",
        "can't be told": "whether that helps can't be told",
    }[verdict_of(score)]
    unsure = "" if score.half_width is None else f", give or take {score.half_width:.3f}"
    return f"{words} ({score.value:+.3f}{unsure}).".replace("-", "\N{MINUS SIGN}")


def privacy_section(evaluation: Evaluation, inputs: RowInputs) -> str:
    """What attacks find out about learned rows, and about rows that were not learned."""
    rows = _attacks(evaluation, inputs)
    if not rows:
        return ""
    parts = [
        '<h2>Who was in the data</h2>\n<p class="note">Each attack is tried on rows that the model learned and on '
        "held-out rows, of which nothing can have leaked. What works on both follows from the data as a whole; only "
        "what works better on learned rows is a leak. That no attack here succeeds is no proof that none can.</p>",
        html_table(["attack", "on learned rows", "on others", "what it means"], rows),
    ]
    if "attribute_inference" in evaluation.scores:
        learned, others = (np.nanmean(found, axis=0) for found in inputs.guessed(SAMPLES))
        order = np.argsort(others - learned)[:LEAST_ALIKE]
        each = [[inputs.secrets[place], percent(learned[place]), percent(others[place])] for place in order]
        parts += [
            "<h3>Secret by secret</h3>",
            '<p class="note">How often each column is guessed from the sample nearest in all others; a number within '
            "5% of its usual range.</p>",
            html_table(["secret", "of learned rows", "of others"], each),
        ]
    return "\n".join(parts)


def _attacks(evaluation: Evaluation, inputs: RowInputs) -> list[list[str]]:
    scores, rows = evaluation.scores, []
    if "closeness" in scores:
        score = scores["closeness"]
        rows.append(["Is a row nearer to the samples than others are?", *_halves(score), _leak(score, 0.5)])
    if "closeness_at_1_percent" in scores:
        score = scores["closeness_at_1_percent"]
        rows.append(["The same, of those that it is surest of", percent(score.value), "1.0%", _leak(score, 0.01)])
    if "membership" in scores:
        score = scores["membership"]
        rows.append(["Does the model itself find a row likelier?", *_halves(score), _leak(score, 0.5)])
    if "attribute_inference" in scores:
        learned, others = (float(np.nanmean(found)) for found in inputs.guessed(SAMPLES))
        words = _leak(scores["attribute_inference"], 0.0)
        rows.append(["Guess a secret cell from the nearest sample", percent(learned), percent(others), words])
    for kind, many in (("univariate", "one"), ("multivariate", "several")):
        score = scores.get(f"singling_out_by_{many}")
        if score is not None:
            learned, others = (
                float(np.mean(side.sum(axis=1) == 1)) for side in np.split(inputs.predicates(SAMPLES)[kind], 2, axis=1)
            )
            attack = f"What holds for one sample alone ({many} column{'' if many == 'one' else 's'}) holds for one row"
            rows.append([attack, percent(learned), percent(others), _leak(score, 0.0)])
    if "copied_rows" in scores:
        usual = evaluation.baselines.get(REAL, {}).get("copied_rows")
        beside = "-" if usual is None else percent(usual)
        copied = percent(scores["copied_rows"].value)
        rows.append(["Samples (and held-out rows) that are learned rows again", copied, beside, ""])
    return rows


def _halves(score: Score) -> tuple[str, str]:
    """How often each of two rows, one learned and one not, is picked."""
    return percent(score.value), percent(1 - score.value)


def _leak(score: Score, chance: float) -> str:
    if score.half_width is None:
        return "too few rows to tell"
    if score.value - chance > score.half_width:
        return "more than by chance"
    if score.half_width > (0.2 if "singling" in score.metric else 0.06):
        return "too few rows to tell"
    return "no more than by chance"


def written(column: Column, value: float) -> str:
    """A cell as a person reads it."""
    if column.is_categorical:
        text = _MISSING if value < 0 else column.categories[int(value)]
        return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "\N{HORIZONTAL ELLIPSIS}"
    if math.isnan(value):
        return _MISSING
    try:
        if column.kind == DATE:
            return (_EPOCH + timedelta(days=float(value))).date().isoformat()
        if column.kind == DATETIME:
            return (_EPOCH + timedelta(seconds=round(float(value)))).strftime("%Y-%m-%d %H:%M:%S")
        if column.kind == TIME:
            return (_EPOCH + timedelta(seconds=round(float(value)))).strftime("%H:%M:%S")
    except OverflowError:
        pass
    return f"{value:.{min(column.decimals, 12)}f}" if abs(value) < 1e15 else short(value)


def _mapped(names: Sequence[str], alike: dict[tuple[str, str], float]) -> list[str]:
    """All columns; of very many those of the pairs that are the least alike."""
    if len(names) <= MOST_MAPPED:
        return list(names)
    order = [name for pair in sorted(alike, key=alike.__getitem__) for name in pair]
    chosen = set(list(dict.fromkeys(order))[:MOST_MAPPED])
    return [name for name in names if name in chosen]


def _square(table: np.ndarray, names: list[str]) -> np.ndarray:
    place = {name: at for at, name in enumerate(names)}
    found = np.full([len(names), len(names)], np.nan)
    pairs = [(one, other) for at, one in enumerate(names) for other in names[at + 1 :]]
    for (one, other), value in associations(table, pairs).items():
        found[place[one], place[other]] = found[place[other], place[one]] = value
    return found


def _two_digits(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def _figure(source: str, title: str, more: str = "") -> str:
    beside = f" <small>{escape(more)}</small>" if more else ""
    said = escape(f"{title}: {more}" if more else title, quote=True)
    return f'<figure><figcaption>{escape(title)}{beside}</figcaption><img src="{source}" alt="{said}"></figure>'
