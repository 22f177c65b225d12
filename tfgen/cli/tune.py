"""tfgen tune: a new version of a run's model, learned from what people said of its samples."""

import json
from pathlib import Path
from typing import Any

import click

from tfgen.cli.asking import ask, show
from tfgen.cli.options import run_argument
from tfgen.cli.tables import table
from tfgen.console import command_line
from tfgen.environment import load_tensorflow


@click.command("tune")
@run_argument
@click.option(
    "--strength", default="medium", show_default=True, metavar="S", help="low, medium, high, or a number: 1 is medium."
)
@click.option("--name", metavar="NAME", help="What the version is called.  [default: v1, v2, ...]")
@click.option("--method", metavar="NAME", help="How it learns; by default what suits the model.")
@click.option("--who", metavar="WHO", help="Learn from this person alone.")
@click.option("--seed", type=int, default=None, help="Random seed.  [default: 0; with --blind one that is new]")
@click.option("--plan", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--blind", is_flag=True, help="Compare the version in use with the one before it, without knowing which.")
@click.option("-n", "--count", type=int, default=20, show_default=True, help="With --blind: How many pairs.")
@click.option("--prompt", default="", metavar="PROMPT", help="With --blind: What both are asked for.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the table.")
def command(run: str, as_json: bool, blind: bool, count: int, prompt: str, plan: bool, **wanted: Any) -> None:
    """Learn from what people said of RUN's samples: a new version of its model, that makes more of what they like.

    The more of it, the larger the strength. Nothing is learned where answers that were held out are not predicted
    better than by chance. A version that costs too much, such as prompts that are no longer followed, is kept but not
    put into use. `tfgen runs revert RUN` brings the one before back, and `RUN@v1` names a version in every command.

    \b
    tfgen tune digits-gan --plan
    tfgen tune digits-gan --strength high
    tfgen tune digits-gan --blind
    tfgen runs revert digits-gan
    """
    from tfgen.api import load

    opened = load(run)
    if blind:
        return _blind(opened, count, prompt, wanted["seed"], wanted["who"] or "", as_json)
    wanted["seed"] = wanted["seed"] or 0
    if plan:
        click.echo(opened.plan_tuning(**wanted))
        return
    version = opened.tune(**wanted)
    record = version.version_record
    if as_json:
        click.echo(json.dumps({"run": opened.name, "version": version.version, **record}, indent=2, ensure_ascii=False))
        return
    click.echo(_table(record))
    if not record["concerns"]:
        click.echo(
            f"'{version.version}' is in use. See for yourself: {command_line('tune', opened.reference, '--blind')}; "
            f"back to the one before: {command_line('runs', 'revert', opened.reference)}",
            err=True,
        )


def _table(record: dict[str, Any]) -> str:
    tried, win_rate = record["held_out"], record["win_rate"]
    rows = [["", "before", "after"]]
    rows += [[name, _number(record["before"].get(name)), _number(value)] for name, value in record["after"].items()]
    lines = [table(rows), ""]
    if tried:
        lines.append(f"Predicted: {tried['right']} of {tried['count']} answers held out, p = {tried['p_value']:.2g}.")
    if win_rate:
        lines.append(
            f"Preferred to {record['parent']}: {win_rate[0]:.0%} ({win_rate[1]:.0%} to {win_rate[2]:.0%}), as a judge "
            "has it that was learned from the other half of the answers."
        )
    return "\n".join([*lines, *record["concerns"]])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _blind(run: Any, count: int, prompt: str, seed: int | None, who: str, as_json: bool) -> None:
    from tfgen.feedback.store import open_store
    from tfgen.tuning.blind import BlindTest

    with open_store() as store:
        test = BlindTest(run, store, count, prompt, seed, who)
        load_tensorflow()
        folder = Path(f"{run.name}-blind")
        click.echo("Which do you like better? 1, 2, = for neither, q to end.", err=True)
        for number, pair in enumerate(test.pairs(), 1):
            show(test.modality, pair.values, pair.prompt, folder / f"pair-{number:03d}")
            picked = ask(f"{number} of {count}{f', {pair.prompt}' if pair.prompt else ''}: ", 2)
            if picked is None:
                break
            test.answer(pair, picked)
    result = test.result
    if as_json:
        click.echo(json.dumps(result, indent=2, ensure_ascii=False))
    elif result["win_rate"]:
        share, low, high = result["win_rate"]
        click.echo(
            f"{result['new']} was preferred to {result['old']} in {share:.0%} of {result['pairs']} pairs ({low:.0%} to "
            f"{high:.0%}), {result['ties']} ties counted half."
        )
