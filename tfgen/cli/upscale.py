"""tfgen upscale: larger pictures than a run makes."""

import json
from pathlib import Path

import click

from tfgen.cli.options import run_argument
from tfgen.errors import UserError


@click.command("upscale")
@run_argument
@click.argument("images", nargs=-1, type=click.Path(path_type=Path))
@click.option("--by", type=int, default=2, metavar="2|4", show_default=True, help="How much longer sides become.")
@click.option("--minutes", type=float, metavar="M", help="Learn anew, for so long.  [default: 1, once for a run]")
@click.option("--steps", type=int, metavar="N", help="The same in steps.")
@click.option("--export", "exported", is_flag=True, help="A SavedModel and a TFLite file of what enlarges.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="PATH",
    help="A folder, or a .png for one picture.  [default: RUN-x2; of exports a folder in RUN]",
)
@click.option("--unsigned", is_flag=True, help="Without a signature that says a model had a part in it.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def command(
    run: str, images: tuple[Path, ...], by: int, minutes: float | None, steps: int | None, exported: bool,
    output: Path | None, unsigned: bool, as_json: bool,
) -> None:
    """Enlarge IMAGES, samples of RUN or any pictures like them, files and folders.

    The first time, a small network learns from the pictures that RUN learned what lies between their pixels: from their
    files where these are larger than what RUN makes. It says how near it comes to pictures that it never saw, beside
    bicubic interpolation, and is kept with RUN.

    \b
    tfgen generate faces-gan -n 16 -o faces/
    tfgen upscale faces-gan faces/ --by 4
    tfgen upscale faces-gan faces/ --minutes 10      learn anew, longer
    tfgen upscale faces-gan --by 4 --export -o /srv/models
    """
    from tfgen.api import load

    opened = load(run)
    if exported and (images or unsigned):
        raise UserError("--export writes what enlarges; it takes no pictures.", "Leave IMAGES and --unsigned out.")
    if exported:
        artefacts = opened.export_upscaler(output, by, minutes=minutes, steps=steps)
        written = [each.path for each in artefacts]
    else:
        written = opened.upscale_files(
            images, by, output=output, minutes=minutes, steps=steps, signed=not unsigned
        )
    if as_json:
        click.echo(json.dumps([str(path) for path in written], indent=2))
        return
    for path in written if exported else ():
        click.echo(f"Wrote {path}", err=True)
