"""tfgen runs: what was trained on what, when, with which settings and losses."""

import json
from pathlib import Path

import click

from tfgen.cli.options import OrderedGroup, run_argument
from tfgen.cli.tables import table


@click.group("runs", cls=OrderedGroup, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List, show, compare and remove runs; `tfgen runs` alone lists them."""
    if context.invoked_subcommand is None:
        context.invoke(list_runs, as_json=False)


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def list_runs(as_json: bool) -> None:
    """Every run under saved_models, oldest first."""
    from tfgen.run import all_runs, runs_folder
    from tfgen.run_comparison import summary

    rows = [summary(run) for run in all_runs()]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    elif not rows:
        click.echo(f"There are no runs in {runs_folder()} yet. Begin with: tfgen fit gan", err=True)
    else:
        columns = ("name", "model", "data", "examples", "status", "step", "minutes", "created")
        click.echo(table([columns, *[[_cell(row[column]) for column in columns] for row in rows]]))


@command.command("show")
@run_argument
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def show(run: str, as_json: bool) -> None:
    """How RUN stands, its last losses, and everything else that its record says."""
    from tfgen.run import Run
    from tfgen.run_comparison import details, outline
    from tfgen.versions import described

    opened = Run.open(run)
    shown, versions = details(opened), described(opened)
    if as_json:
        click.echo(json.dumps({**shown, "versions": versions}, indent=2, ensure_ascii=False))
        return
    first = outline(opened)
    rest = {key: value for key, value in shown.items() if key.removeprefix("last.") not in first}
    pairs = [*first.items(), ("", ""), *rest.items()]
    click.echo(table([[key, _cell(value)] for key, value in pairs]))
    if versions:
        click.echo("")
        headings = ["version", "kind", "from", "strength", "preferred", "energy", "created", ""]
        click.echo(table([headings, *map(_version, versions)]))


@command.command("revert")
@run_argument
@click.argument("version", required=False)
def revert(run: str, version: str | None) -> None:
    """Put another VERSION of RUN into use: by default the one before; base is what the fit ended with.

    Nothing is deleted, so the way back is the same command.
    """
    from tfgen.run import Run
    from tfgen.tuning.stage import revert

    opened = Run.open(run)
    name = revert(opened, version)
    click.echo(f"'{opened.name}' is at '{name}'. Exports keep what they have until the next one.", err=True)


@command.command("compare")
@click.argument("runs", nargs=-1, metavar="RUNS...")
@click.option("-o", "--output", metavar="FILE", help="Where the samples of all runs go, side by side.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def compare(runs: tuple[str, ...], output: str | None, as_json: bool) -> None:
    """Put the settings, losses and samples of RUNS side by side; only what differs is printed."""
    from tfgen.errors import UserError
    from tfgen.run import Run
    from tfgen.run_comparison import check_alike, differences, sheets_ending, side_by_side

    if len(runs) < 2:
        raise UserError("A comparison needs two runs or more.", "Name them; see what there is with: tfgen runs list")
    opened = [Run.open(name) for name in runs]
    check_alike(opened)
    rows = differences(opened)
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
    else:
        names = [run.name for run in opened]
        click.echo(
            table([["", *names], *[[key, *[_cell(value) for value in values]] for key, values in rows.items()]])
        )
    path = Path(output or "-vs-".join(run.name for run in opened) + sheets_ending(opened))
    side_by_side(opened, path)
    click.echo(f"Wrote {path}, the newest samples of each.", err=True)


@command.command("remove")
@run_argument
@click.option("--yes", is_flag=True, help="Don't ask.")
def remove(run: str, yes: bool) -> None:
    """Delete RUN, its weights and its samples; of RUN@VERSION, that version alone."""
    from tfgen.run import Run

    opened = Run.open(run)
    link = opened.path.is_symlink()
    if "@" in opened.reference:
        if not yes:
            click.confirm(f"Delete the version {opened.title}?", abort=True, err=True)
        opened.remove()
        click.echo(f"Removed {opened.title}", err=True)
        return
    what = f"the link {opened.path}, but not" if link else f"{opened.path} and all"
    if not yes:
        click.confirm(f"Delete {what} {'what it leads to' if link else 'that is in it'}?", abort=True, err=True)
    kept = f", a link; {opened.path.resolve()} is kept" if link else ""
    opened.remove()
    click.echo(f"Removed {opened.path}{kept}", err=True)


def _version(version: dict) -> list[str]:
    """A version in a row: what it is, what it is from, how often it was preferred to that, and whether it is in use."""
    from tfgen.trust.energy import energy_of

    preferred, energy = version.get("win_rate"), energy_of(version)
    return [
        version["name"],
        version["kind"],
        version["parent"],
        _cell(version.get("strength")),
        f"{preferred[0]:.0%}" if preferred else "-",
        energy.short() if energy else "-",
        version["created"],
        "in use" if version["in_use"] else "",
    ]


def _cell(value) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
