"""tfgen evaluate: quality, diversity, prompt adherence and memorisation of a run; or of several, compared."""

import json
from pathlib import Path

import click

from tfgen.cli.options import carbon_option
from tfgen.cli.tables import table
from tfgen.environment import load_tensorflow

_LISTED, _CELLS = 20, 3  # rows with --rows, and cells of each


@click.command("evaluate")
@click.argument("runs", nargs=-1, metavar="RUN...")
@click.option("--data", "holdout", metavar="DATA", help="Held-out examples: real ones that the runs never saw.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME", help="Only this one; may be given several times.")
@click.option("-n", "--count", type=int, help="How many samples.  [default: 10000 pictures, 200 texts, all rows]")
@click.option("--extractor", metavar="NAME", help="What gives features of arrays: classifier, random or inception.")
@click.option("--seed", type=int, default=0, show_default=True, help="The first sample's; draws the real examples too.")
@click.option("--target", metavar="COLUMN", help="Of a table: the column to predict, to see what samples are good for.")
@click.option(
    "--rows", is_flag=True, help="Of a table: only list its least likely rows, or those of --data, counted from 1."
)
@carbon_option
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="PNG", help="With several runs: the plot.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the table.")
def command(
    runs: tuple[str, ...],
    holdout: str | None,
    metrics: tuple[str, ...],
    count: int | None,
    extractor: str | None,
    seed: int,
    target: str | None,
    rows: bool,
    carbon: float | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Judge RUN: how near its samples are to the data, how varied, whether they follow prompts and copy nothing.

    Of text also how well it predicts what it never saw; of a table what can be learned from samples, what gives them
    away, and what they give away of the rows that were learned.

    Prints a table with the scores of naive baselines beside the run's, and keeps evaluation.json and report.html in the
    run. Several runs are compared: which differences mean something. What each number means: docs/evaluation.md.

    \b
    tfgen evaluate digits-gan
    tfgen evaluate photos-gan --data other-photos/
    tfgen evaluate digits-gan digits-vae
    tfgen evaluate tales --data other-tales.txt
    tfgen evaluate customers --target churned
    tfgen evaluate customers --rows --data new.csv
    """
    from tfgen.api import check_evaluation, compare, load
    from tfgen.errors import UserError

    if not runs:
        raise UserError("No run is named.", "Name one; see them with: tfgen runs list")
    opened = [load(name) for name in runs]
    if rows:
        return _list_rows(opened, holdout, count, as_json)
    wanted = {
        "data": holdout, "metrics": metrics, "n": count, "extractor": extractor, "seed": seed, "target": target,
        "carbon": carbon,
    }
    check_evaluation(opened, **wanted)
    load_tensorflow()
    if len(opened) == 1:
        evaluation = opened[0].evaluate(**wanted)
        click.echo(_json(evaluation) if as_json else _one(evaluation))
        if metrics:
            click.echo("Not kept in the run, since it is only a part. Without --metric, all is.", err=True)
        else:
            click.echo(f"Report: {opened[0].results / 'report.html'}", err=True)
        return
    comparison = compare(opened, **wanted)
    click.echo(_json(comparison) if as_json else _several(comparison))
    path = output or Path("-vs-".join(run.name for run in opened) + "-quality.png")
    if comparison.plot(path):
        click.echo(f"Wrote {path}: quality against minutes of training and against size.", err=True)


def _list_rows(opened: list, source: str | None, count: int | None, as_json: bool) -> None:
    """The least likely rows, and the cells that make them so."""
    from tfgen.errors import UserError

    if len(opened) > 1:
        raise UserError("Rows are listed of one run.", "Name one run with --rows.")
    found = opened[0].least_likely(source, count or _LISTED)
    if as_json:
        return click.echo(json.dumps([each.to_json() for each in found], indent=2, ensure_ascii=False))
    lines = [["row", "nats", "least likely cells (nats, given all others)"]]
    for each in found:
        cells = [
            f"{name}={each.values[name]} ({nats:.1f})" for name, nats in list(each.column_nats.items())[:_CELLS]
        ]
        lines.append([str(each.place + 1), f"{each.nats:.1f}", "  ".join(cells)])
    click.echo(table(lines))


def _json(result) -> str:
    return json.dumps(result.to_json(), indent=2, ensure_ascii=False)


def _one(evaluation) -> str:
    from tfgen.evaluate.score_descriptions import title_of
    from tfgen.trust.energy import energy_lines

    names = list(evaluation.baselines)
    rows = [["", evaluation.run, "95 %", "better", *names]]
    for name, score in evaluation.scores.items():
        width = "" if score.half_width is None else f"± {score.half_width:.2g}"
        others = [evaluation.baselines[baseline].get(name) for baseline in names]
        title = title_of(name, score.metric, evaluation.measured_with.unit)
        rows.append([title, _number(score.value), width, score.better, *map(_number, others)])
    lines = [table(rows), ""]
    lines += [f"{alarm.name}: {alarm.state}. {alarm.sentence} {alarm.advice}".rstrip() for alarm in evaluation.alarms]
    lines += ["", evaluation.words]
    lines += [f"Left out: {name}. {why}" for name, why in evaluation.left_out.items()]
    return "\n".join([*lines, *evaluation.notes, *energy_lines(evaluation.energy)])


def _several(comparison) -> str:
    rows = [["", *comparison.runs, "differences that mean something"]]
    for row in comparison.rows:
        rows.append([row.title, *map(_number, row.values), row.sentence])
    return table(rows)


def _number(value: float | None) -> str:
    from tfgen.evaluate.score_descriptions import number

    return "-" if value is None else number(value)
