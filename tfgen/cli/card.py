"""tfgen card: a run's model card."""

from pathlib import Path

import click

from tfgen.cli.options import carbon_option, run_argument


@click.command("card")
@run_argument
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it to FILE."
)
@click.option("--license", metavar="NAME", help="The model's licence, by its name on Hugging Face's hub: mit.")
@click.option("--data-license", metavar="NAME", help="The licence of what it learned.")
@click.option("--intended", metavar="TEXT", help="What the model is meant for, in a sentence or two.")
@carbon_option
@click.option(
    "--with-scores", is_flag=True,
    help="Of a private run: include scores, alarms and the data's fingerprint, which its epsilon doesn't cover.",
)
def command(
    run: str,
    output: Path | None,
    license: str | None,
    data_license: str | None,
    intended: str | None,
    carbon: float | None,
    with_scores: bool,
) -> None:
    """Print the model card of RUN: Markdown with Hugging Face's front matter and headings.

    It holds what was measured and recorded: data, settings, scores with their intervals, alarms, privacy, energy,
    lineage, feedback. What was not measured says so, with the command that measures it. Evaluate first, and read the
    card before you publish it. The scores of a private run are left out.

    \b
    tfgen card digits-gan
    tfgen card digits-gan -o README.md --license mit --intended "Digits for demonstrations."
    """
    from tfgen.api import load

    said = {"license": license, "data_license": data_license, "intended": intended, "carbon": carbon}
    content = load(run).card(output, **said, with_scores=with_scores)
    if output is None:
        click.echo(content, nl=False)
    else:
        click.echo(f"Wrote {output}. Read it before you publish it.", err=True)
