"""tfgen forget: records leave every run, cache and store that they touched."""

import json
from pathlib import Path

import click

from tfgen.cli.options import run_argument


@click.command("forget")
@run_argument
@click.option(
    "--rows", type=click.Path(path_type=Path, exists=True), metavar="FILE",
    help="The records, as they were in the data: a file or folder of the same kind.",
)
@click.option("--person", metavar="ID", help="An id that occurs in the data or in its file names.")
@click.option("--data", metavar="DATA", help="The data without the records, if it is not where RUN read it.")
@click.option(
    "--search", "folders", multiple=True, type=click.Path(path_type=Path), metavar="FOLDER",
    help="Also delete exports and samples in FOLDER signed as made by these runs; may be given several times.",
)
@click.option("--delete", is_flag=True, help="Delete the runs instead of retraining them.")
@click.option("--keep-equal", is_flag=True, help="Keep examples equal to a record: they belong to others.")
@click.option("--plan", "only_plan", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Where the statement is written.  [default: saved_models/forgotten]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the statement as JSON.")
def command(
    run: str,
    rows: Path | None,
    person: str | None,
    data: str | None,
    folders: tuple[Path, ...],
    delete: bool,
    keep_equal: bool,
    only_plan: bool,
    yes: bool,
    output: Path | None,
    as_json: bool,
) -> None:
    """Erase records from RUN and from everything derived from them.

    First remove them from the data. RUN is then retrained from the start without them, and so is every other run that
    learned the same data or began from such a run. Their versions, samples, evaluations and exports, the cache and the
    feedback on them are deleted. Then all remaining files are searched for the records, a membership test asks the new
    model whether it recognises them, and a signed statement records what was done, without the records themselves.

    \b
    tfgen forget patients-gpt --rows withdrawn.csv --plan
    tfgen forget patients-gpt --rows withdrawn.csv --search /srv/models
    tfgen forget faces-gan --person anna-k --delete

    Exits with 1 if the erasure is not complete: something was found, or could not be read.
    """
    from tfgen.api import load
    from tfgen.trust.forgetting.journal import recover

    recover()  # a run that lies aside, since an earlier try was killed, has its name again
    forgetting = load(run).open_forgetting(
        rows=rows, person=person, data=data, search=folders, delete=delete, keep_equal=keep_equal
    )
    for line in forgetting.plan():
        click.echo(line, err=True)
    if only_plan:
        return
    if not yes:
        _ask()
    done = forgetting.carry_out(output)
    click.echo(json.dumps(done.to_json(), indent=2, ensure_ascii=False) if as_json else "\n".join(done.lines()))
    if not done.is_complete:
        raise SystemExit(1)


def _ask() -> None:
    """Raises click.Abort after a no, and UserError where nobody answers."""
    from tfgen.errors import UserError

    try:
        agreed = click.confirm("Do this, for good?", err=True)
    except click.Abort:  # the end of standard input, or Ctrl-C
        click.echo(err=True)
        raise UserError("Nobody said yes, so nothing was done.", "To do it without being asked: --yes") from None
    if not agreed:
        raise click.Abort
