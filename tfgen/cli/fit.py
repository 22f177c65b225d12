"""tfgen fit: train a model."""

import click

from tfgen.cli.options import carbon_option, overrides_option
from tfgen.console import several
from tfgen.environment import load_tensorflow


@click.command("fit")
@click.argument("model", required=False)
@click.argument("data", required=False)
@click.option("-o", "--output", metavar="RUN", help="Name or path of the run.  [default: DATA-MODEL]")
@click.option("--size", metavar="SIZE", help="How large the model is: tiny, small or base.  [default: small]")
@click.option(
    "--from",
    "start",
    metavar="RUN|PRESET",
    help="Begin with an earlier run, or with what others trained: gpt2_base_en, or a preset's folder.",
)
@click.option(
    "--freeze", type=int, metavar="N", help="With --from RUN: leave the first N blocks as they are (docs/models.md)."
)
@click.option(
    "--lora", type=int, metavar="RANK", help="With --from PRESET: train only adapters of this rank, such as 8 (LoRA)."
)
@click.option("--minutes", type=float, help="How long to train; the steps are planned to fit.  [default: 3]")
@click.option("--steps", type=int, help="How many steps to train, instead of minutes.")
@click.option("--seed", type=int, help="Random seed; the same one repeats a run.  [default: 0]")
@overrides_option
@click.option("--resume", is_flag=True, help="Continue an unfinished run from its last checkpoint.")
@click.option(
    "--repeat", metavar="RUN", help="Do once more what RUN did, with its data and settings, to the same weights."
)
@click.option(
    "--save-every", type=click.FloatRange(0), default=30, show_default=True, help="Seconds between checkpoints."
)
@click.option(
    "--evaluate-every", type=int, metavar="STEPS", help="Measure now and then, and end with the best weights."
)
@click.option("--patience", type=int, metavar="N", help="Stop early, after N measurements that were no better.")
@carbon_option
@click.option(
    "--private",
    metavar="epsilon=E",
    help="Learn with differential privacy: epsilon=3, or epsilon=3,delta=1e-5,clip=1. A gpt, a tree or a vae of "
    "tables, or a vae of pictures or sounds (docs/privacy.md).",
)
@click.option(
    "--strategy",
    metavar="NAME",
    help="Train on several devices or machines: mirrored, multiworker, tpu or auto (docs/distributed.md).",
)
@click.option(
    "--canaries",
    type=int,
    metavar="N",
    help="Learn about N examples that nobody has among the data, by which tfgen evaluate attacks the model.",
)
@click.option("--tensorboard", is_flag=True, help="Also write the losses for TensorBoard.")
def command(overrides: tuple[str, ...], freeze: int | None, **options) -> None:
    """Train MODEL (gan, vae, gpt or tree) on DATA and keep everything in a run.

    A gan or a vae learns pictures: a folder of them, an .npy, .npz or idx file, tfds:NAME, or `digits`, the default;
    and sounds: a folder of .wav, .flac, .ogg or .mp3, or `chimes`. Sub-folders or a captions.csv give the words that
    steer the model later. A gpt learns text: a file, a folder of texts, a .jsonl of texts, prompts with completions or
    chats, tfds:NAME, or `shakespeare`, the default. All three learn tables: a .csv, .tsv, .parquet or .xlsx, or
    `insurance`; and levels of games: .txt, .csv, .tmx, or `meadows`. The gpt learns both best. A tree learns tables
    alone: it counts which columns go together, in seconds. A vae or a gpt learns baskets: a file of a basket a line,
    or of who had what and when, or `corner-shop`.

    \b
    tfgen fit gan
    tfgen fit gan photos/ --minutes 20 --set size=64
    tfgen fit vae tfds:fashion_mnist -o clothes --size base
    tfgen fit gan photos/ --resume
    tfgen fit gan cats/ --from photos-gan --minutes 2
    tfgen fit --repeat photos-gan
    tfgen fit gpt tales.txt --minutes 10
    tfgen fit gpt patients.csv --set group=patient_id
    tfgen fit gan sounds/ --minutes 10
    tfgen fit gpt levels/
    tfgen fit vae groceries.csv
    tfgen fit gpt patients.csv --private epsilon=3 --canaries 100
    tfgen fit tree patients.csv --private epsilon=1
    tfgen fit gpt notes/ --from gpt2_base_en --lora 8

    Settings for --set are the model's (see docs/settings.md) and the data's: size=64 or size=48x96, channels=1 or 3;
    tokenizer=characters, bpe or a tokenizer.json, vocabulary_size=4096, holdout=0.1.
    """
    from tfgen.api import fit_request
    from tfgen.catalog import MODALITIES
    from tfgen.config import parse_pairs
    from tfgen.data.sources import check_source
    from tfgen.training.request import FitRequest, check

    settings = parse_pairs(overrides)
    if freeze is not None:
        settings["freeze"] = freeze
    request = FitRequest(**options, settings=settings, interruptible=True)
    check(request)
    if request.data:
        check_source(request.data)
    click.echo("Loading TensorFlow ...", err=True)
    load_tensorflow()
    run = fit_request(request)
    if run is None:
        click.echo("The fit has ended; the chief has the run.", err=True)
        return
    status = "Finished" if run.record["status"] == "finished" else "Stopped"
    click.echo(f"{status} after {several(run.record['reached'], 'step')}. Samples: {run.path / 'samples'}", err=True)
    if status == "Finished":
        modality = MODALITIES.load(run.record["modality"])
        click.echo(f"Next: {modality.first_command(run.codec(), run.reference)}", err=True)
    else:
        click.echo(f"Continue: {run.resume_command}", err=True)
