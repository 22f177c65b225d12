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
@click.option("--person", metavar="ID", help="An id that stands in the data, or in the names of its files.")
@click.option("--data", metavar="DATA", help="The data without them, where it isn't where RUN found it.")
@click.option(
    "--search", "folders", multiple=True, type=click.Path(path_type=Path), metavar="FOLDER",
    help="Also delete exports and samples in FOLDER that these runs signed; may be given several times.",
)
@click.option("--delete", is_flag=True, help="Delete the runs, rather than fit them anew.")
@click.option("--keep-equal", is_flag=True, help="Examples that equal a record are somebody else's, and stay.")
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
    """Erase records from RUN, and from all that they touched.

    First take them out of the data. RUN is then fitted anew without them, and so are other runs that learned the same
    data or began with such a run. Their versions, samples, evaluations and exports go, the cache goes, and what the
    store of feedback has of them. Afterwards the records' bytes are looked for in all that is left, the new model is
    asked whether it knows them, and a signed statement says what was done, without the records.

    \b
    tfgen forget patients-gpt --rows withdrawn.csv --plan
    tfgen forget patients-gpt --rows withdrawn.csv --search /srv/models
    tfgen forget faces-gan --person anna-k --delete

    Exits with 1 where something of the records was found after all.
    """
    from tfgen.api import load
    from tfgen.trust.forgetting.stage import recover

    recover()  # a run that lies aside, since an earlier try was killed, has its name again
    forgetting = load(run).open_forgetting(
        rows=rows, person=person, data=data, search=folders, delete=delete, keep_equal=keep_equal
    )
    for line in forgetting.plan():
        click.echo(line, err=True)
    if only_plan:
        return
    if not yes:
        click.confirm("Do this, for good?", abort=True, err=True)
    done = forgetting.carry_out(output)
    click.echo(json.dumps(done.to_json(), indent=2, ensure_ascii=False) if as_json else "\n".join(done.lines()))
    if not done.is_complete:
        raise SystemExit(1)
