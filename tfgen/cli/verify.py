"""tfgen verify: who made a file, and whether it was changed."""

import json
import sys
from pathlib import Path

import click

from tfgen.cli.tables import table

_FEW = 4  # files; of more there is a row each


@click.command("verify")
@click.argument("files", nargs=-1, metavar="FILE...")
@click.option(
    "--trust", metavar="PEM", help="A file, or a folder of .pem files, with certificates of authorities that you trust."
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--authority", is_flag=True, help="Print the certificate that others need to trust your files.")
def command(files: tuple[str, ...], trust: str | None, as_json: bool, authority: bool) -> None:
    """Say who made each FILE, or each file of a folder, with which run, whether it was changed since, and how sure
    that is.

    What tfgen writes carries a signature (C2PA), in a PNG, WAV, GIF, WebP or MP4, else in FILE.c2pa beside it; a folder
    that `tfgen export` wrote has provenance.json. Marks of other programs are read as well. Unsigned text is tested for
    the watermarks of your runs (tfgen watermark).

    Ends with 1 where a file was changed since it was signed, with 2 where one can't be read, else with 0, also where a
    file has no mark.

    \b
    tfgen verify sevens/
    tfgen verify rows.csv
    tfgen verify saved_models/digits-gan/export/digits-gan/1
    tfgen verify --json picture.png
    tfgen verify --authority > mine.pem        for a colleague, who then says
    tfgen verify --trust mine.pem picture.png
    """
    from tfgen.errors import UserError
    from tfgen.trust.verification import UNREAD, verify_each

    if authority:
        return _print_authority()
    if not files:
        raise UserError("No file is named.", "Name one: tfgen verify FILE")
    found = verify_each(map(Path, files), Path(trust) if trust else None)
    if as_json:
        click.echo(json.dumps([each.to_json() for each in found], indent=2))
    elif len(found) <= _FEW:
        click.echo("\n".join("\n  ".join([each.name, *each.sentences]) for each in found))
    else:
        click.echo(table([("file", "state", "by"), *((each.name, each.state, each.maker or "-") for each in found)]))
        states = [each.state for each in found]
        counts = (f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        click.echo(f"{len(found)} files: {', '.join(counts)}. More on one: tfgen verify FILE", err=True)
    sys.exit(1 if any(each.changed for each in found) else 2 if any(each.state == UNREAD for each in found) else 0)


def _print_authority() -> None:
    from tfgen.errors import UserError
    from tfgen.trust.authority import authority_path

    path = authority_path()
    if path is None:
        raise UserError("Nothing was signed yet, so there is no authority.", "Make something first: tfgen generate RUN")
    click.echo(path.read_text(encoding="ascii"), nl=False)
