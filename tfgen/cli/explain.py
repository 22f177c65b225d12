"""tfgen explain: why a run makes what it makes."""

import json
from pathlib import Path

import click

from tfgen.cli.options import run_argument


@click.command("explain")
@run_argument
@click.argument("prompt", default="")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FOLDER", help="Where the page goes.  "
              "[default: the run's folder]")
@click.option("--seed", type=int, default=0, show_default=True, help="The first sample's.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in place of the summary.")
def command(run: str, prompt: str, output: Path | None, seed: int, as_json: bool) -> None:
    """Explain why RUN makes what it makes, on a page that opens anywhere.

    \b
    pictures, sounds, levels   directions in the latents as strips, with names that measurements
                               bear out, and the training examples that are nearest to samples
    texts                      which tokens of PROMPT made later ones likely, and the loss along it
    tables                     which columns give rows away, and what the conditions of PROMPT change
    baskets                    which items of PROMPT spoke for each suggestion

    Each is made again for copies of the model with randomised weights: what looks the same there is flagged, since it
    was not learned. Writes explanation.html and explanation.json. What each means: docs/explanation.md.

    \b
    tfgen explain digits-gan
    tfgen explain digits-vae seven -o why/
    tfgen explain tales-gpt "Once upon a time"
    tfgen explain insurance-gpt "smoker=yes"
    tfgen explain groceries-vae "whole milk, butter" --json
    """
    from tfgen.api import load

    explanation = load(run).explain(prompt, output=output, seed=seed)
    click.echo(json.dumps(explanation.to_json(), indent=2, ensure_ascii=False) if as_json else repr(explanation))
    click.echo(f"Page: {explanation.page}", err=True)
