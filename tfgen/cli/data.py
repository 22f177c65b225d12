"""tfgen data: what tfgen sees in a folder, a file or a set."""

import json
import shlex

import click

from tfgen.cli.options import load_tensorflow, overrides_option

_GAN_BATCH = 64  # as in tfgen.models.gan, which takes seconds to import; smaller data needs a smaller one


@click.command("data")
@click.argument("data", required=False)
@overrides_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(data: str | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Say what tfgen sees in DATA: how many examples, their shape and prompts, and what is broken.

    DATA is a folder of pictures, an .npy, .npz or idx file, tfds:NAME, or `digits`.

    \b
    tfgen data photos/
    tfgen data photos/ --set size=48x96
    tfgen data tfds:fashion_mnist
    """
    from tfgen.config import parse_data_overrides
    from tfgen.data import open_data
    from tfgen.talk import Preparation

    settings = parse_data_overrides(overrides)
    if data and data.startswith("tfds:"):
        load_tensorflow()
    examples = open_data(data, **settings, progress=Preparation().show)
    seen = describe(examples)
    if as_json:
        click.echo(json.dumps(seen, indent=2, ensure_ascii=False))
        return
    color = "colour" if examples.channels == 3 else "grey"
    click.echo(
        f"{examples.source}: {len(examples)} {color} pictures, {examples.height} high and {examples.width} wide."
    )
    click.echo(_prompts_sentence(seen["prompts"]))
    for note in examples.report.notes:
        click.echo(note)
    if examples.report.broken:
        click.echo(
            f"{len(examples.report.broken)} of {examples.report.found} files could not be read and are left out:"
        )
        for path, reason in examples.report.broken[:20]:
            click.echo(f"  {path}: {reason}")
        if len(examples.report.broken) > 20:
            click.echo("  ... all of them with: --json")
    click.echo(f"Next: {_next_step(data, overrides, len(examples))}", err=True)


def describe(examples) -> dict:
    """What was read, for JSON."""
    import numpy as np

    counts = np.bincount(examples.prompt_index[examples.prompt_index >= 0], minlength=len(examples.prompts))
    prompts = {prompt: int(count) for prompt, count in zip(examples.prompts, counts, strict=True)}
    return {
        "source": examples.source,
        "modality": examples.modality,
        "count": len(examples),
        "shape": [int(side) for side in examples.values.shape[1:]],
        "prompt_kind": examples.prompt_kind,
        "prompts": prompts,
        "fingerprint": examples.fingerprint,
        **examples.report.to_json(),
    }


def _next_step(data: str | None, overrides: tuple[str, ...], count: int) -> str:
    """What to do with so many examples: a fit that takes them, or more of them."""
    if count >= _GAN_BATCH:
        return _fit_command(data, overrides)
    advice = "add more, since some hundreds learn well"
    if count < 2:
        return f"{advice}."
    return f"{advice}, or: {_fit_command(data, (*overrides, f'batch_size={max(2, count // 2)}'))}"


def _fit_command(data: str | None, overrides: tuple[str, ...]) -> str:
    """To be pasted into a shell."""
    settings = [word for override in overrides for word in ("--set", override)]
    return shlex.join(["tfgen", "fit", "gan", *([data] if data else []), *settings])


def _prompts_sentence(prompts: dict[str, int]) -> str:
    if not prompts:
        return "No prompts: put pictures into one sub-folder per label, or add a captions.csv, to steer with words."
    shown = ", ".join(f"'{prompt}' ({count})" for prompt, count in list(prompts.items())[:12])
    return f"{len(prompts)} prompts: {shown}{', ...' if len(prompts) > 12 else ''}"
