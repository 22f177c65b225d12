"""tfgen watermark: text that is recognisable as a run's without a signature."""

import click

from tfgen.cli.options import run_argument
from tfgen.console import command_line


@click.command("watermark")
@run_argument
@click.option(
    "--lost", type=float, default=0.02, metavar="SHARE", show_default=True,
    help="The increase in perplexity to allow; a larger one is detected in shorter texts.",
)
@click.option("--name", metavar="NAME", help="What the version is called.  [default: watermarked]")
def command(run: str, lost: float, name: str | None) -> None:
    """Watermark the text that RUN generates.

    Makes a version of RUN with a secret key and puts it into use; the weights stay as they are. Readers don't notice
    the watermark. `tfgen verify FILE` detects it without a signature, also in edited text and in long enough parts of
    another text. The key is in the run's folder and in the graphs of its exports.

    \b
    tfgen watermark tales-gpt
    tfgen generate tales-gpt -o tale.txt
    tfgen verify tale.txt
    tfgen runs revert tales-gpt                without it again
    """
    from tfgen.api import load

    version = load(run).watermark(lost, name=name)
    record = version.version_record
    click.echo(
        f"'{version.version}' is in use: a bias of {record['strength']:.2f} nats towards green-list tokens, "
        f"{record['green_share']:.0%} of its output; perplexity +{record['perplexity_lost']:.1%}. "
        f"To undo: {command_line('runs', 'revert', version.reference.partition('@')[0])}",
        err=True,
    )
