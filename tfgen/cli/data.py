"""tfgen data: what tfgen sees in a folder, a file or a set."""

import json

import click

from tfgen.cli.options import overrides_option
from tfgen.environment import load_tensorflow


@click.command("data")
@click.argument("data", required=False)
@overrides_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option("--toml", "as_toml", is_flag=True,
              help="Of a table: print what was found as TOML, to correct and give back with --set columns=FILE.")
def command(data: str | None, overrides: tuple[str, ...], as_json: bool, as_toml: bool) -> None:
    """Say what tfgen sees in DATA: how many examples, their shape and prompts, and what is broken.

    DATA is a folder of pictures or of texts, a text, .jsonl, .npy, .npz or idx file, a table (.csv, .tsv, .parquet or
    .xlsx), tfds:NAME, `digits`, `shakespeare` or `insurance`.

    \b
    tfgen data photos/
    tfgen data photos/ --set size=48x96
    tfgen data tfds:fashion_mnist
    tfgen data tales.txt
    tfgen data patients.csv --set column.ward=category
    tfgen data patients.csv --toml > patients.toml
    """
    from tfgen.api import open_data
    from tfgen.catalog import MODALITIES
    from tfgen.config import parse_pairs, split_settings

    _, settings = split_settings(parse_pairs(overrides), None)
    if data and data.startswith("tfds:"):
        load_tensorflow()
    examples = open_data(data, **settings)
    modality = MODALITIES.load(examples.modality)
    if as_json:
        click.echo(json.dumps(_facts(examples, modality), indent=2, ensure_ascii=False))
        return
    if as_toml:
        click.echo(_toml(examples, modality), nl=False)
        return
    first, *others = modality.describe(examples)
    for line in (f"{examples.source}: {first}", *others, *examples.report.notes):
        click.echo(line)
    _echo_broken(examples.report)
    click.echo(f"Next: {modality.next_step(examples, [data] if data else [], list(overrides))}", err=True)


def _toml(examples, modality) -> str:
    """What was found, to be corrected. Raises UserError where there is nothing to correct."""
    from tfgen.errors import UserError

    correctable = modality.correctable(examples)
    if correctable is None:
        raise UserError(f"Only tables have columns to correct, and this is {modality.plural}.", "Leave --toml out.")
    return correctable


def _echo_broken(report) -> None:
    if not report.broken:
        return
    click.echo(f"{len(report.broken)} of {report.found} files or rows can't be used and are left out:")
    for path, reason in report.broken[:20]:
        click.echo(f"  {path}: {reason}")
    if len(report.broken) > 20:
        click.echo("  ... all of them with: --json")


def _facts(examples, modality) -> dict:
    """What was read, for JSON."""
    return {
        "source": examples.source,
        "modality": examples.modality,
        **modality.facts(examples),
        "fingerprint": examples.fingerprint,
        **examples.report.to_json(),
    }
