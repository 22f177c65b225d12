"""Privacy: what epsilon costs on Adult, what a private step costs, and what an attack finds of canaries.

    python scripts/bench/private.py DATA [quality] [pictures] [steps] [canaries] [--model NAME]... [--epsilon E]...
        [--fit-steps N] [--rows N] [--learn N] [--fits N]

DATA is a folder with adult/, as UCI has it, and mnist/, as its four files are published.

quality: each model of 32,561 rows, or of the first --learn of them, at each epsilon, and one without privacy:
sdmetrics' quality, F1 and area under the curve of boosting that learned samples, beside real rows; whether boosting
tells samples from held-out rows; black-box membership, as tables.py judges them, but by --rows rows of each.
pictures: a GAN and a VAE of MNIST's 60,000 at each epsilon, and without privacy, as `tfgen evaluate` judges them by
--rows samples.
canaries: fits of a tiny GPT of `insurance`, each with another seed and with other canaries, at each epsilon and without
privacy, in all else alike: how many guesses which of them were learned are right, and the epsilon that refutes.
steps: seconds of a step on batches of 512 of the GPT and the VAE of rows, and of VAE and GAN of pictures, plain and
private.
"""

import csv
import gzip
import itertools
import json
import sys
import time
from pathlib import Path
from statistics import mean

import click
from common import must, show_table, talk, tfgen, work_folder
from tables import adult, judged

PARTS = ("quality", "pictures", "steps", "canaries")
OF_TABLES, OF_PICTURES = ("tree", "gpt"), ("gan", "vae")  # the quick one first
MODELS = OF_TABLES + OF_PICTURES
_SCORES = ("prompt_adherence", "recall", "coverage", "diversity", "detectability", "detectability_to_the_eye")
_BATCH = 512
# As a private fit has them by default, so that the noise alone is the difference; and nothing keeps it from learning by
# heart, as a usual fit of so few rows does.
_BY_HEART = {
    "width": 32, "embedding": 8, "shrink": 30.0, "dropout": 0.0, "weight_decay": 0.0, "learning_rate": 0.02,
    "batch_size": 64, "holdout": 0.0,
}


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, path_type=Path))
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--model", "models", multiple=True, type=click.Choice(MODELS), default=MODELS)
@click.option("--epsilon", "epsilons", multiple=True, type=float, default=(1.0, 3.0, 10.0))
@click.option("--fit-steps", type=int, help="Of each private fit of steps; else by the usual minutes.")
@click.option("--rows", default=10_000, help="That are judged.")
@click.option("--learn", type=int, help="The first so many rows are learned; else all.")
@click.option("--fits", default=20, help="With canaries, at each epsilon.")
def main(
    data: Path, parts: tuple[str, ...], models: tuple[str, ...], epsilons: tuple[float, ...], fit_steps: int | None,
    rows: int, learn: int | None, fits: int,
) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    with work_folder("private") as folder:
        for part in parts or PARTS:
            talk(part)
            if part == "quality":
                quality(data, folder, [each for each in models if each in OF_TABLES], epsilons, fit_steps, rows, learn)
            elif part == "pictures":
                pictures(data, folder, [each for each in models if each in OF_PICTURES], epsilons, fit_steps, rows)
            elif part == "canaries":
                canaries(folder, epsilons, fit_steps or 400, fits)
            else:
                steps()


def quality(
    data: Path, folder: Path, models: list[str], epsilons: tuple[float, ...], fit_steps: int | None, rows: int,
    learn: int | None,
) -> None:
    real, test = adult(data, folder)
    few = [first(path, folder / f"few-{path.name}", rows) for path in (real, test)]
    real = first(real, folder / "learned.csv", learn) if learn else real
    found = []
    for model, epsilon in itertools.product(models, (*epsilons, None)):
        name = f"{model}-{epsilon}"
        words = ("--private", f"epsilon={epsilon}") if epsilon else ()
        words += ("--steps", fit_steps) if fit_steps and epsilon and model != "tree" else ()
        began = time.monotonic()
        must(tfgen("fit", model, real, "-o", folder / name, *words))
        seconds = time.monotonic() - began
        must(tfgen("generate", folder / name, "-n", rows, "-o", folder / f"{name}.csv"))
        record = json.loads((folder / name / "run.json").read_text())
        account = record.get("privacy", {"spent": {"epsilon": float("inf")}, "noise_multiplier": 0.0})
        scores = judged(few[0], folder / f"{name}.csv", few[1], "income")
        talk(f"{name}: {scores}")
        found.append([model, epsilon or "none", round(account["spent"]["epsilon"], 3),
                      round(account["noise_multiplier"], 3), record["reached"], *(round(scores[each], 3) for each in (
                          "quality", "f1_real", "f1_made", "auc_made", "detectability", "membership",
                          "membership_at_1")), round(seconds)])
        show_table(["model", "epsilon", "spent", "noise", "steps", "quality", "F1 real", "F1", "AUC", "C2ST", "MIA",
                    "at 1 %", "fit s"], found)


def pictures(
    data: Path, folder: Path, models: list[str], epsilons: tuple[float, ...], fit_steps: int | None, rows: int
) -> None:
    digits, found = mnist(data, folder), []
    for model, epsilon in itertools.product(models, (*epsilons, None)):
        run = folder / f"mnist-{model}-{epsilon}"
        words = ("--private", f"epsilon={epsilon}") if epsilon else ()
        words += ("--steps", fit_steps) if fit_steps and epsilon else ()
        began = time.monotonic()
        must(tfgen("fit", model, digits, "-o", run, *words))
        seconds = time.monotonic() - began
        scores = json.loads(must(tfgen("evaluate", run, "-n", rows, "--json")).stdout)["scores"]
        found.append([model, epsilon or "none", json.loads((run / "run.json").read_text())["reached"],
                      *(round(scores[each]["value"], 3) for each in _SCORES), round(seconds)])
        show_table(["model", "epsilon", "steps", *_SCORES, "fit s"], found)


def mnist(data: Path, folder: Path) -> Path:
    """The 60,000 digits as a file that tfgen reads."""
    import numpy as np

    def read(name: str, header: int) -> np.ndarray:
        return np.frombuffer(gzip.decompress((data / "mnist" / name).read_bytes()), np.uint8, offset=header)

    path = folder / "mnist.npz"
    pictures = read("train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    np.savez(path, images=pictures, labels=read("train-labels-idx1-ubyte.gz", 8).astype(str))
    return path


def first(path: Path, to: Path, count: int) -> Path:
    """The first rows of a table, which stand in no order."""
    with open(path, newline="") as file, open(to, "w", newline="") as other:
        writer = csv.writer(other)
        for _, row in zip(range(count + 1), csv.reader(file)):
            writer.writerow(row)
    return to


def canaries(folder: Path, epsilons: tuple[float, ...], fit_steps: int, fits: int) -> None:
    import keras

    from tfgen import fit

    found = []
    for epsilon in (*epsilons, None):
        right, bounds = [], []
        for seed in range(fits):
            keras.utils.clear_session()
            run = fit(
                "gpt", "insurance", output=folder / f"canaries-{epsilon}-{seed}", steps=fit_steps, seed=seed,
                private=epsilon, canaries=100, **_BY_HEART,
            )
            evaluation = run.evaluate(metrics=["canaries"])
            right.append(evaluation["canaries_found"].value)
            bounds.append(evaluation["canaries_epsilon"].value)
            talk(f"epsilon {epsilon}, seed {seed}: {right[-1]:.2f} right, bound {bounds[-1]:.2f}")
        above = "-" if epsilon is None else sum(bound > epsilon for bound in bounds)
        found.append([
            epsilon or "none", *(f"{each(right):.0%}" for each in (mean, min, max)),
            *(f"{each(bounds):.2f}" for each in (mean, max)), above,
        ])  # fmt: skip
        show_table(["epsilon", "right", "least", "most", "bound", "highest bound", "above epsilon"], found)


def steps() -> None:
    """The median of some executions, each of one step, after the first."""
    from tfgen.environment import load_tensorflow

    load_tensorflow()
    rows = []
    for model, source in (("gpt", "insurance"), ("vae", "insurance"), ("vae", "digits"), ("gan", "digits")):
        plain, private = seconds_of(model, source, False), seconds_of(model, source, True)
        rows.append([f"{model} of {source}", f"{1000 * plain:.1f}", f"{1000 * private:.1f}", f"{private / plain:.1f}"])
        show_table(["model", "plain, ms", "private, ms", "times"], rows)


def seconds_of(name: str, source: str, is_private: bool, count: int = 15) -> float:
    import numpy as np
    import tensorflow as tf

    from tfgen.catalog import model_class
    from tfgen.data import open_data
    from tfgen.models.private import GradientMechanism

    examples = open_data(source)
    made_by = model_class(name, examples.representation)
    size = min(_BATCH, len(examples) // 2)
    settings = {**made_by.Config.private_only, "batch_size": size}
    model = made_by(made_by.Config(**settings), examples.codec.specification, examples.conditions(), seed=0)
    batches = examples.batches(model.config, 0, 0, count)
    if is_private:
        model.make_private(GradientMechanism(1, 1.0, float(size)))
        batches = examples.poisson_batches(model.config, 1, size / len(examples), 0, count)
    # Poisson samples differ in size, and as in a fit that must not make another graph.
    step = tf.function(model.train_step, autograph=False, input_signature=[batches.element_spec])
    marks = [time.perf_counter()]
    for batch in batches:
        step(batch)
        marks.append(time.perf_counter())
    return float(np.median(np.diff(marks)[3:]))


if __name__ == "__main__":
    main()
