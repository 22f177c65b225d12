"""Text: a GPT of tfgen's beside nanoGPT's settings for a processor in PyTorch, by turns, on one text.

    python scripts/bench/text.py learn TEXT     4 minutes a round
    python scripts/bench/text.py speed TEXT     75 seconds a round
    python scripts/bench/text.py generate TEXT  20 seconds a round
    python scripts/bench/text.py memory         2 minutes

TEXT is tiny Shakespeare for the figures in docs/log.md. Both sides learn its first 90 % and are measured on the whole
of its last 10 %, each in windows of its own context. The clock of PyTorch's side (gpt_torch.py) runs while it trains;
that of tfgen's also while XLA compiles, and for "whole" from the command to its end, TensorFlow's start included.

On a busy machine PyTorch's threads wait for each other, more than ten times slower: a load above 1 is said.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
from common import environment_of, must, show_table, talk, tfgen, torch_environment, work_folder

GOAL = 1.88  # nanoGPT's loss after 2,000 steps of these settings
SAME = ("width=128", "layers=4", "heads=4", "context=64", "batch_size=12")


@click.group()
def main() -> None:
    """Compare a GPT of tfgen's with one in PyTorch."""


@main.command()
@click.argument("text", type=Path)
@click.option("--torch-python", type=Path, help="An interpreter that has PyTorch and numpy.")
@click.option("--rounds", default=3, show_default=True, help="Turns of each.")
@click.option("--steps", default=270, show_default=True, help="Of the short fit, which is to reach 1.88.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Of both fits.")
@click.option("--seed", default=0, show_default=True, help="Of the first round.")
def learn(
    text: Path, torch_python: Path | None, rounds: int, steps: int, overrides: tuple[str, ...], seed: int
) -> None:
    """Seconds to a validation loss of 1.88, and the loss after as long as PyTorch takes for 2,000 steps."""
    python, rows = torch_python or torch_environment(), []
    for turn in range(rounds):
        torch = _torch(python, "train", text, "--seed", 1337 + turn, "--evaluate-every", 500)[-1]
        short = _fit(text, seed + turn, ("context=64", *overrides), "--steps", steps)  # PyTorch's context
        long = _fit(text, seed + turn, overrides, "--minutes", torch["seconds"] / 60)
        reached = short["seconds"] / torch["seconds"]
        rows.append((turn + 1, torch["seconds"], torch["validation"], short["seconds"], short["whole"], short["loss"],
                     reached, long["seconds"], long["whole"], long["loss"]))
        talk(f"turn {turn + 1}: " + ", ".join(f"{value:.4g}" for value in rows[-1][1:]))
    rows.append(("median", *(statistics.median(column) for column in list(zip(*rows, strict=True))[1:])))
    names = ("turn", "PyTorch s", "loss", "short s", "whole", "loss", "of PyTorch", "long s", "whole", "loss")
    show_table(names, rows)


@main.command()
@click.argument("text", type=Path)
@click.option("--torch-python", type=Path, help="An interpreter that has PyTorch and numpy.")
@click.option("--rounds", default=3, show_default=True, help="Turns of each.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change tfgen's settings further.")
def speed(text: Path, torch_python: Path | None, rounds: int, overrides: tuple[str, ...]) -> None:
    """Tokens per second while training, at the same width, depth, heads, context and batch."""
    python, rows = torch_python or torch_environment(), []
    for turn in range(rounds):
        torch = _torch(python, "speed", text, "--seconds", 10)[-1]["tokens_per_second"]
        ours = [_fit(text, turn, (*SAME, f"optimizer={name}", *overrides), "--steps", 400)["tokens_per_second"]
                for name in ("adam", "muon")]
        rows.append((turn + 1, torch, *ours, *(each / torch for each in ours)))
        talk(f"turn {turn + 1}: " + ", ".join(f"{value:.4g}" for value in rows[-1][1:]))
    rows.append(("median", *(statistics.median(column) for column in list(zip(*rows, strict=True))[1:])))
    show_table(("turn", "PyTorch tokens/s", "tfgen, Adam", "tfgen, Muon", "ratio, Adam", "ratio, Muon"), rows)


@main.command()
@click.argument("text", type=Path)
@click.option("--torch-python", type=Path, help="An interpreter that has PyTorch and numpy.")
@click.option("--rounds", default=3, show_default=True, help="Turns of each.")
@click.option("--tokens", default=1024, show_default=True, help="New tokens of a turn.")
@click.option("--context", default=1088, show_default=True, help="So that the text fits in.")
def generate(text: Path, torch_python: Path | None, rounds: int, tokens: int, context: int) -> None:
    """New tokens per second, one text at a time: with the cache, without, and PyTorch without."""
    python, rows = torch_python or torch_environment(), []
    sides = _Sides(text, context)
    for turn in range(rounds):
        arguments = ("generate", text, "--tokens", tokens, "--block", context)
        torch = _torch(python, *arguments)[-1]["tokens_per_second"]
        cached, recomputed = sides.cached(tokens), sides.recomputed(tokens)
        rows.append((turn + 1, cached, recomputed, torch, cached / recomputed, cached / torch))
        talk(f"turn {turn + 1}: " + ", ".join(f"{value:.4g}" for value in rows[-1][1:]))
    rows.append(("median", *(statistics.median(column) for column in list(zip(*rows, strict=True))[1:])))
    show_table(("turn", "cache", "no cache", "PyTorch", "cache / no cache", "cache / PyTorch"), rows)


@main.command()
@click.option("--megabytes", default=100, show_default=True, help="Of text.")
def memory(megabytes: int) -> None:
    """The peak resident memory of a fit on much text, prepared first, and on a hundredth of it."""
    rows = []
    with work_folder("text") as folder:
        for size in (megabytes / 100, megabytes):
            path = folder / f"{size:g}.txt"
            _write_words(path, int(size * 2**20))
            for tokenizer in ("characters", "bpe"):
                rows.append((f"{size:g} MB", tokenizer, *_peak(path, folder / f"{size:g}-{tokenizer}", tokenizer)))
                talk(", ".join(map(str, rows[-1])))
    show_table(("text", "tokenizer", "peak MiB", "seconds"), rows)


def _torch(python: Path, *arguments: object) -> list[dict]:
    """The rows that PyTorch's side prints."""
    _say_load()
    script = Path(__file__).with_name("gpt_torch.py")
    command = [str(python), str(script), *map(str, arguments)]
    finished = must(subprocess.run(command, capture_output=True, text=True, check=False))
    return [json.loads(line) for line in finished.stdout.splitlines()]


def _fit(text: Path, seed: int, overrides: tuple[str, ...], *horizon: object) -> dict[str, float]:
    """One `tfgen fit gpt` from the command line: its seconds of training, of everything, its last loss, its speed."""
    _say_load()
    settings = [word for override in ("tokenizer=characters", *overrides) for word in ("--set", override)]
    with work_folder("text") as folder:
        run, began = folder / "run", time.perf_counter()
        must(tfgen("fit", "gpt", text, "-o", run, "--seed", seed, *horizon, *settings))
        whole = time.perf_counter() - began
        history, quality = (_rows(run / name) for name in ("history.jsonl", "quality.jsonl"))
        config = json.loads((run / "run.json").read_text(encoding="utf-8"))["config"]
    # A report's speed leaves out the measurements between; the first report's holds the compilation.
    steps = np.diff([0, *(row["step"] for row in history)])
    speeds = [row["steps_per_second"] for row in history]
    return {
        "seconds": float(sum(steps / speeds)),
        "whole": whole,
        "loss": min(row["validation_loss"] for row in quality),
        "tokens_per_second": statistics.median(speeds[1:]) * config["batch_size"] * config["context"],
    }


class _Sides:
    """A model of the small size with a long context, as it begins: how quick it is doesn't depend on its weights."""

    def __init__(self, text: Path, context: int):
        import tensorflow as tf

        from tfgen.representations.sequences.specification import SequenceSpecification
        from tfgen.models.gpt import GPT, GPTConfig

        size = len(set(text.read_text(encoding="utf-8"))) + 1
        example = SequenceSpecification(vocabulary_size=size, end=size - 1, start=0, count=0)
        self.model = GPT(GPTConfig(context=context), example, None)
        self._generate = tf.function(self.model.generate)
        self._logits = tf.function(self.model.logits, input_signature=[tf.TensorSpec([1, None], tf.int32)])

    def cached(self, tokens: int) -> float:
        import tensorflow as tf

        from tfgen.representations.sequences.sampling import Sampling

        sampling = Sampling(tf.constant([1]), tf.ones([1]), tf.zeros([1], tf.int32), tf.ones([1]))
        prompt = tf.ones([1, 64], tf.int32), tf.constant([64])
        self._generate(*prompt, tf.constant([2]), sampling)
        began = time.perf_counter()
        _, count = self._generate(*prompt, tf.constant([tokens]), sampling)
        return float(count[0]) / (time.perf_counter() - began)

    def recomputed(self, tokens: int) -> float:
        """The whole text anew for every token; the draw itself is left out, which favours this side."""
        import tensorflow as tf

        ids = np.ones([1, 64 + tokens], np.int32)
        self._logits(tf.constant(ids[:, :64]))
        began, places = time.perf_counter(), range(64, 64 + tokens, 16)
        for place in places:  # every sixteenth stands for its neighbours
            self._logits(tf.constant(ids[:, :place])).numpy()
        return len(places) / (time.perf_counter() - began)


def _write_words(path: Path, size: int) -> None:
    """A text of so many bytes: made-up words, by a law like that of real ones."""
    generator = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = ["".join(generator.choice(letters[: 5 + place % 22], 1 + place % 9)) for place in range(20_000)]
    weights = 1 / np.arange(1, len(words) + 1)
    with open(path, "w", encoding="utf-8") as file:
        while file.tell() < size:
            chosen = generator.choice(words, 100_000, p=weights / weights.sum())
            file.write("\n".join(" ".join(line) for line in chosen.reshape(-1, 20)) + "\n")


def _peak(path: Path, run: Path, tokenizer: str) -> tuple[int, float]:
    """MiB resident at the most, and seconds, of a fit of some steps in a process of its own."""
    script = (
        "import resource, sys; from tfgen.cli import main\n"
        "try: main(sys.argv[1:], standalone_mode=False)\n"
        "finally: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    began = time.perf_counter()
    arguments = ("fit", "gpt", path, "-o", run, "--steps", 100, "--set", f"tokenizer={tokenizer}")
    command = [sys.executable, "-c", script, *map(str, arguments)]
    finished = must(subprocess.run(command, env=environment_of(), capture_output=True, text=True, check=False))
    return int(finished.stdout.split()[-1]), round(time.perf_counter() - began, 1)


def _rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _say_load() -> None:
    load = os.getloadavg()[0]
    if load > 1:
        talk(f"The machine is busy: its load is {load:.1f}.")


if __name__ == "__main__":
    main()
