"""tfgen generate: new samples from a run."""

from pathlib import Path

import click

from tfgen.cli.options import load_tensorflow


@click.command("generate")
@click.argument("run")
@click.argument("prompt", default="")
@click.option("-n", "--count", type=int, help="How many.  [default: 64]")
@click.option("--seed", type=int, default=0, show_default=True, help="The first seed; sample k has seed + k.")
@click.option("-o", "--output", metavar="PATH", help="A folder (one PNG each), a .png (one grid), an .npy or an .npz.")
def command(run: str, prompt: str, count: int | None, seed: int, output: str | None) -> None:
    """Make new samples from RUN, of PROMPT if the run knows prompts.

    The same seed gives the same picture, alone or among others. Without -o, a grid is written to the current folder.

    \b
    tfgen generate digits-gan
    tfgen generate digits-gan seven -n 16 --seed 7 -o sevens/
    tfgen generate digits-gan -n 10000 -o synthetic.npz
    """
    from tfgen.output import check_output, file_name, write_samples
    from tfgen.run import Run

    opened = Run.open(run)
    opened.vocabulary().ids(prompt)  # a wrong word is said before TensorFlow loads
    count = 64 if count is None else count
    path = Path(output) if output else Path(file_name(opened.name, prompt, seed))
    check_output(path)
    load_tensorflow()
    from tfgen.generate import generate

    samples = generate(opened, prompt, count, seed)
    written = write_samples(samples, path, opened)
    click.echo(f"Wrote {written}", err=True)
