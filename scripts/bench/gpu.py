"""GPU: what should hold on a machine that has one. None was at hand when this was written: nothing was measured.

    python scripts/bench/gpu.py [memory] [repeats] [alike] [speed] [precision] [waiting] [export] [several]
                                [--anywhere] [--steps N]

Each part says what it found beside what to expect, and whether that is so; the end is 1 where something isn't.
--anywhere tries the script itself where there is no GPU: both sides of a comparison are the processor then.

memory: a fit takes what it needs of the card's memory, not all of it from the start.
repeats: two fits with one seed end with the same bits, of a GAN, a VAE and a GPT.
alike: the same run gives the same samples on the card and on the processor, but for rounding (TensorFloat-32 has three
decimal digits).
speed: steps a second on the card beside the processor's, at the size "base".
precision: steps a second with precision=bfloat16 beside float32.
waiting: the share of a step that waits for data (scripts/bench/waiting.py).
export: what was fitted on the card is exported, and the exports give the same samples.
several: with two cards or more, `--strategy mirrored` finishes, faster than one card.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from common import (
    CHECKOUT, command_of, environment_of, must, newest_arrays, same_bits, show_table, talk, tfgen, work_folder,
)

PARTS = ("memory", "repeats", "alike", "speed", "precision", "waiting", "export", "several")
PROCESSOR = {"CUDA_VISIBLE_DEVICES": "-1"}
# Data that comes with tfgen or is made here, so that the script needs nothing.
MODELS = {"gan": "digits", "vae": "digits", "gpt": "shakespeare"}

_LOOK = """
import json, sys
from tfgen.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
import tensorflow as tf  # not before: tfgen has it take the card's memory as it is needed
cards = tf.config.list_physical_devices("GPU")
found = {"cards": len(cards)}
if cards:
    found["growth"] = tf.config.experimental.get_memory_growth(cards[0])
    found["peak"] = tf.config.experimental.get_memory_info("GPU:0")["peak"]
print(json.dumps(found))
"""


@click.command(help=__doc__)
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--anywhere", is_flag=True, help="Without a GPU too.")
@click.option("--steps", default=300, show_default=True, help="Of each fit.")
def main(parts: tuple[str, ...], anywhere: bool, steps: int) -> None:
    cards = cards_here()
    if not cards and not anywhere:
        raise SystemExit("TensorFlow sees no GPU here: install tensorflow[and-cuda], or try the script by --anywhere.")
    rows = []
    with work_folder("gpu") as folder:
        for part in parts or PARTS:
            if part == "several" and cards < 2:
                talk("several: there is one card at most")
                continue
            talk(part)
            rows += [(part, *row) for row in PART[part](folder, steps)]
    show_table(("part", "of", "found", "expected", "holds"), [(*row[:4], "yes" if row[4] else "NO") for row in rows])
    raise SystemExit(0 if all(row[4] for row in rows) else 1)


def cards_here() -> int:
    script = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"
    return int(must(run_python(script)).stdout)


def run_python(script: str, *arguments: object, **environment: object) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, env=environment_of(**environment), capture_output=True, text=True, check=False)


def fitted(place: Path, model: str, steps: int, *options: object, **environment: object) -> Path:
    """A run of the model, at the size "tiny" unless options say another."""
    words = ("--steps", steps, "--seed", 1, "-o", place, *(() if "--size" in options else ("--size", "tiny")))
    must(tfgen("fit", model, MODELS[model], *words, *options, **environment))
    return place


def steps_a_second(run: Path) -> float:
    """The median of a fit's reports, but for the first, which holds the tracing."""
    rows = [json.loads(line) for line in (run / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    return float(np.median([row["steps_per_second"] for row in rows[1:] or rows]))


def memory(folder: Path, steps: int) -> list[tuple]:
    words = command_of("fit", "gan", "digits", "--steps", steps, "--size", "tiny", "-o", folder / "memory")[3:]
    found = json.loads(must(run_python(_LOOK, *words)).stdout.splitlines()[-1])
    if not found["cards"]:
        return [("growth", "no card", "on", True)]
    peak = found["peak"] / 2**20
    return [("growth", str(found["growth"]), "True", found["growth"]),
            ("peak of a tiny GAN", f"{peak:.0f} MiB", "at most 1024", peak <= 1024)]


def repeats(folder: Path, steps: int) -> list[tuple]:
    rows = []
    for model in MODELS:
        first, second = (newest_arrays(fitted(folder / f"repeat-{model}-{turn}", model, steps)) for turn in (1, 2))
        same = same_bits(first, second)
        rows.append((model, "the same bits" if same else "other bits", "the same bits", same))
    return rows


def alike(folder: Path, steps: int) -> list[tuple]:
    rows = []
    for model in ("gan", "vae"):
        run = fitted(folder / f"alike-{model}", model, steps)
        values = []
        for side, environment in (("card", {}), ("processor", PROCESSOR)):
            out = folder / f"alike-{model}-{side}.npz"
            must(tfgen("generate", run, "-n", 64, "-o", out, **environment))
            with np.load(out) as stored:
                values.append(stored["images"].astype(np.float32))
        apart = float(np.mean(np.abs(values[0] - values[1])))
        rows.append((model, f"{apart:.3f} of 255 apart", "at most 1", apart <= 1))
    return rows


def speed(folder: Path, steps: int) -> list[tuple]:
    rows = []
    for model in MODELS:
        own = steps_a_second(fitted(folder / f"speed-{model}", model, steps, "--size", "base"))
        few = max(20, steps // 10)
        other = steps_a_second(fitted(folder / f"speed-{model}-cpu", model, few, "--size", "base", **PROCESSOR))
        rows.append((model, f"{own:.1f} steps a second, {own / other:.1f} times the processor's", "at least 3 times",
                     own >= 3 * other))
    return rows


def precision(folder: Path, steps: int) -> list[tuple]:
    rows = []
    for model in ("gan", "vae"):
        size = ("--size", "base")
        plain = steps_a_second(fitted(folder / f"float32-{model}", model, steps, *size))
        short = fitted(folder / f"bfloat16-{model}", model, steps, *size, "--set", "precision=bfloat16")
        ratio = steps_a_second(short) / plain
        rows.append((model, f"{ratio:.2f} times as fast", "at least 1.2, from Ampere on", ratio >= 1.2))
    return rows


def waiting(folder: Path, steps: int) -> list[tuple]:
    command = [sys.executable, CHECKOUT / "scripts" / "bench" / "waiting.py", "--data", "digits", "--rounds", "3"]
    said = must(subprocess.run(command, env=environment_of(), capture_output=True, text=True, check=False)).stdout
    ratio = float(said.strip().splitlines()[-1].split()[-1])
    return [("gan", f"{ratio:.3f} of a step without waiting", "at most 1.05", ratio <= 1.05)]


def export(folder: Path, steps: int) -> list[tuple]:
    rows = []
    for model in MODELS:
        run = fitted(folder / f"export-{model}", model, steps)
        done = tfgen("export", run, "-o", folder / f"exported-{model}")
        word = "the same samples" if not done.returncode else done.stderr.strip().splitlines()[-1]
        rows.append((model, word, "the same samples", not done.returncode))
    return rows


def several(folder: Path, steps: int) -> list[tuple]:
    rows = []
    for model in MODELS:
        size = ("--size", "base")
        one = steps_a_second(fitted(folder / f"one-{model}", model, steps, *size))
        all_of_them = fitted(folder / f"several-{model}", model, steps, *size, "--strategy", "mirrored")
        ratio = steps_a_second(all_of_them) / one
        rows.append((model, f"{ratio:.2f} times one card", "more than 1", ratio > 1))
    return rows


PART: dict[str, Callable[[Path, int], list[tuple]]] = {
    "memory": memory, "repeats": repeats, "alike": alike, "speed": speed, "precision": precision, "waiting": waiting,
    "export": export, "several": several,
}

if __name__ == "__main__":
    main()
