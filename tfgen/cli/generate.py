"""tfgen generate: new samples from a run."""

from pathlib import Path
from typing import Any

import click

from tfgen.cli.options import given_options, sampling_options
from tfgen.environment import load_tensorflow


def _check_ends(context: click.Context, parameter: click.Parameter, pairs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Two words follow --interpolate, whatever they are: where one is missing, the next option is taken for it."""
    from tfgen.errors import UserError

    options = {name for each in context.command.params for name in each.opts}
    for end in (end for pair in pairs for end in pair):
        if end.partition("=")[0] in options:
            raise UserError(f"A walk needs two places, and '{end}' is an option.", "Name both: --interpolate FROM TO")
    return pairs


@click.command("generate")
@click.argument("words", nargs=-1, metavar="RUN [PROMPT]")
@click.option(
    "-n", "--count", type=int,
    help="How many.  [default: 64 pictures, 16 sounds, levels or rows (1 level of a gpt), 1 text, 10 items]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="The first seed; sample k has seed + k.")
@click.option(
    "-o",
    "--output",
    metavar="PATH",
    help="A folder (a file each); for pictures also a .png (one grid), .npy or .npz, for a walk a .gif, .webp or .mp4, "
    "for sounds a .wav (all in a row, or a walk), a .png (spectrograms), .npy or .npz, for text a .txt or .jsonl, for "
    "levels a .png (drawn), of a gpt also a .txt or .jsonl and of others an .npy or .npz, for rows a .csv, .tsv, "
    ".parquet, .jsonl or .xlsx, for baskets a .csv, .tsv, .jsonl or .txt; replaced if there.",
)
@click.option("--preset", metavar="NAME", help="As a preset of tfgen steer has it; the same as RUN@NAME.")
@click.option(
    "--truncation", type=float, metavar="SHARE",
    help="Pictures, sounds, levels: Nearer to what is usual, such as 0.7.",
)
@click.option(
    "--reject", type=float, metavar="SHARE",
    help="Pictures, sounds, levels: Leave out the model's own worst, such as 0.5.",
)
@click.option(
    "--interpolate", nargs=2, multiple=True, metavar="FROM TO", callback=_check_ends,
    help="Pictures, sounds, levels: Walk from one prompt to another; prompt@seed or @seed says the seed. May be given "
    "several times.",
)
@click.option("--frames", type=int, metavar="N", help="With --interpolate: How many frames.  [default: 60]")
@click.option("--loop", is_flag=True, help="With --interpolate: Walk back to where it began.")
@click.option(
    "--like", metavar="FILE", help="Variations of a picture or a sound of your own; rows of a table with what they "
    "lack filled in; what goes with each basket of a file."
)
@click.option("--fill", metavar="MASK", help="With --like: complete it where the picture MASK is white.")
@click.option("--ladder", metavar="T,T,...", help="Text: The same seeds at several temperatures, such as 0.3,0.7,1.1.")
@click.option("--best-of", type=int, metavar="N", help="Keep of each N the one that people would like best (feedback).")
@click.option("--var", "pairs", multiple=True, metavar="NAME=VALUE", help="A variable's value; several by | or again.")
@click.option("--template", is_flag=True, help="PROMPT is a template, as saved ones always are: '{red|blue} heart'.")
@click.option("--per-seed", is_flag=True, help="Each seed gets alternatives of its own, in place of a row for each.")
@click.option("--random", type=int, metavar="N", help="Only N of the combinations, drawn by chance.")
@click.option("--baskets", is_flag=True, help="Baskets: Invent whole ones, in place of a ranking.")
@click.option("--why", is_flag=True, help="Baskets: Name the given items that spoke for each suggestion.")
@sampling_options("Text: ")
@click.option("--beams", type=int, metavar="N", help="Text: Search N ways at once for the likeliest, without chance.")
@click.option(
    "--attempts", type=int, metavar="N",
    help="Levels of a gpt: Draw each up to N times, until it is as the prompt asks.  [default: 8]",
)
@click.option(
    "--json", is_flag=True, help="Text, baskets: Print a JSON row each; of text with tokens and the logarithms of "
    "their probabilities."
)
@click.option("--unsigned", is_flag=True, help="Don't sign the files; their settings record that.")
@click.option("--beam", is_flag=True, help="Write shards to the folder -o, by Apache Beam: docs/scale.md.")
@click.option(
    "--format", "shard_format", metavar="FORMAT",
    help="With --beam: wds (WebDataset) for pictures, sounds and levels, parquet or jsonl for rows, jsonl for text and "
    "baskets, tfrecord for all.  [default: the first of these]",
)
@click.option("--shard-size", type=int, metavar="N", help="With --beam: Samples of a shard.  [default: seconds' work]")
@click.option(
    "--runner", metavar="NAME",
    help="With --beam: FlinkRunner, SparkRunner, DataflowRunner or another of Beam's.  [default: this machine]",
)
@click.option(
    "--runner-option", "runner_options", multiple=True, metavar="KEY=VALUE",
    help="With --beam: An option of Beam's or the runner's; may be given several times.",
)
@click.option("--server", metavar="URL", help="Ask a server instead of a run; then give no RUN, but --model.")
@click.option("--model", metavar="NAME", help="The model's name on the server.")
def command(
    words: tuple[str, ...], count: int | None, seed: int, output: str | None, server: str | None, model: str | None,
    preset: str | None, pairs: tuple[str, ...], template: bool, per_seed: bool, random: int | None,
    best_of: int | None, unsigned: bool, beam: bool, shard_format: str | None, shard_size: int | None,
    runner: str | None, runner_options: tuple[str, ...], **options: Any,
) -> None:
    """Make new samples from RUN, of PROMPT if the run knows prompts; text goes on from PROMPT; of a table PROMPT says
    what rows have: equal to, one of several, or from one to another, for several columns; of baskets it names items,
    and what goes with them is ranked.

    The same seed gives the same picture, sound, text, level or row, alone or among others, and the same from a server.
    Files are signed as made by a model, which `tfgen verify` tells (docs/provenance.md).

    Without -o, a grid of pictures, a .wav of sounds and a .csv of rows go to the current folder, and text to standard
    output while it is made; PROMPT is not repeated. @NAME, @NAME@3 and @NAME@TAG are saved prompts (tfgen prompt); of
    several combinations each is made at the same seeds.

    \b
    tfgen generate digits-gan
    tfgen generate digits-gan seven -n 16 --seed 7 -o sevens/
    tfgen generate digits-gan -n 10000 -o synthetic.npz
    tfgen generate digits-gan --interpolate seven two -o walk.gif
    tfgen generate faces-vae --like my.png --fill mask.png -n 8
    tfgen generate emoji-gan @hearts@best --var color=red|blue -n 8
    tfgen generate --server http://127.0.0.1:8501 --model digits-gan seven -o sevens.png
    tfgen generate tales-gpt "Once upon a time" --length 500
    tfgen generate tales-gpt "Once upon a time" -n 100 --temperature 1 -o tales.jsonl
    tfgen generate insurance-gpt "smoker=yes, age=40..60, sex=female|male" -n 1000 -o rows.csv
    tfgen generate insurance-gpt --like half-empty.csv -o full.csv
    tfgen generate sounds-gan snare -n 16 -o snares/
    tfgen generate levels-gpt "many pipes, no gaps" -n 9 -o look.png
    tfgen generate groceries-vae "whole milk, butter" -n 10 --why
    tfgen generate groceries-vae --baskets -n 1000 -o baskets.csv
    tfgen generate faces-gan -n 10000000 --beam -o faces/
    """
    from tfgen.console import say
    from tfgen.errors import UserError
    from tfgen.generate import Request
    from tfgen.prompts.matrix import ALL, BY_SEED, Filling, only_one, open_samples
    from tfgen.prompts.template import values_of

    run, prompt = _run_and_prompt(words, server, model)
    if preset is not None:
        run = _with_preset(run, preset)
    if options["interpolate"]:
        _check_walk(prompt, count)
    place = Path(output) if output else None
    request = Request(prompt, count, seed, place, given_options(options), signed=not unsigned)
    filling = Filling(values_of(pairs), BY_SEED if per_seed else ALL, random, seed)
    template = template or bool(pairs or per_seed or random is not None)
    if beam:
        _check_none({"--server": server, "--best-of": best_of, "--per-seed": per_seed, "--random": random}, "--beam")
        shards = run.generate_shards(
            output, prompt, count, seed, shard_format=shard_format, shard_size=shard_size, runner=runner,
            runner_options=runner_options, variables=filling.values, template=template, signed=not unsigned,
            **request.options,
        )
        return say(f"Wrote {shards}")
    given = {"--format": shard_format, "--shard-size": shard_size, "--runner": runner,
             "--runner-option": runner_options}  # fmt: skip
    _check_none(given, "samples that aren't in shards", "Add --beam, or leave it out.")
    if run is None and best_of is not None:
        raise UserError("A server doesn't know what people like.", "Leave --best-of out.")
    if run is None:
        from tfgen.client import deliver_remotely

        return deliver_remotely(server, model, only_one(request, filling, template))
    best = None
    if best_of is not None:
        from tfgen.api import liked_best

        best = liked_best(best_of)
    generator = open_samples(run, request, filling, template, best)
    load_tensorflow()
    generator.deliver()


def _check_walk(prompt: str, count: int | None) -> None:
    """Raises UserError for what a walk has no use for."""
    from tfgen.errors import UserError

    if prompt:
        what = f"A walk goes from one prompt to another, so '{prompt}' has no place in it."
        raise UserError(what, "Leave it out, or make it an end: --interpolate FROM TO")
    if count is not None:
        raise UserError("A walk is one sample, so -n has nothing to count.", "Say how many frames with --frames.")


def _check_none(given: dict[str, Any], what: str, what_to_do: str = "Leave one of them out.") -> None:
    """Raises UserError for the first option that was given and doesn't go with something else."""
    from tfgen.errors import UserError

    for name in given_options(given):
        raise UserError(f"'{name}' doesn't go with {what}.", what_to_do)


def _with_preset(run: Any, preset: str) -> Any:
    """The run's version of this name."""
    from tfgen.errors import UserError

    if run is None:
        raise UserError("A server has the presets that its models were exported with.", "Leave --preset out.")
    if "@" in run.reference:
        raise UserError(f"'{run.reference}' names a version already.", "Leave --preset out.")
    return run.open(f"{run.path}@{preset}")


def _run_and_prompt(words: tuple[str, ...], server: str | None, model: str | None):
    """What the words mean: with a server they are a prompt alone, else a run and a prompt."""
    from tfgen.errors import UserError
    from tfgen.api import load

    if bool(server) != bool(model):
        raise UserError("A server needs both --server and --model.", "Give the one that is missing.")
    if server:
        if len(words) > 1:
            raise UserError("With --server, only a prompt is expected.", "Put a prompt of several words in quotes.")
        return None, " ".join(words)
    if not words:
        raise UserError("No run is named.", "Name one: tfgen generate RUN; see them with: tfgen runs list")
    if len(words) > 2:
        raise UserError(f"A run and one prompt are expected, not {len(words)} words.", "Put the prompt in quotes.")
    return load(words[0]), words[1] if len(words) == 2 else ""
