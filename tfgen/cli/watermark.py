"""tfgen watermark: texts that can be told as a run's without a signature."""

import click

from tfgen.cli.options import run_argument


@click.command("watermark")
@run_argument
@click.option(
    "--lost", type=float, default=0.02, metavar="SHARE", show_default=True,
    help="How much of the perplexity it may cost: more is told from shorter texts.",
)
@click.option("--name", metavar="NAME", help="What the version is called.  [default: watermarked]")
def command(run: str, lost: float, name: str | None) -> None:
    """Make a version of RUN whose texts bear a watermark, and use it.

    Whoever reads a text doesn't see it; `tfgen verify FILE` tells it, also where the signature was lost, and in a part
    of another text that is not too short. The key is secret: it lies in the run's folder, and in the graphs of its
    exports. For a run that makes texts; the weights stay as they are.

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
        f"'{version.version}' is in use: {record['strength']:.2f} nats for green tokens, which are "
        f"{record['green_share']:.0%} of what it says; {record['perplexity_lost']:.1%} of the perplexity are lost. "
        f"Without it: tfgen runs revert {version.reference.partition('@')[0]}",
        err=True,
    )
