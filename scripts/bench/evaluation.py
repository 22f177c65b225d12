"""Evaluation: tfgen's metrics beside torch-fidelity, prdc and scipy on the same features.

    python scripts/bench/evaluation.py [numbers] [speed] [stream] [--threads N]

numbers: the scores of random features and of features of the embedded digits, and how far they are apart (at most 1e-3
of the score). tfgen takes the features as float32, the others as float64. Says which function was called, and how.
speed: seconds on 10,000 x 2,048 float32 features against as many, by turns; the medians and their ratio (Fréchet
distance at least 5, the others at least 1), processor seconds, and tfgen's peak memory (at most 3 GiB).
stream: how much memory the moments of 1,000,000 x 256 features take that lie on the disk (at most 300 MB).

Ends with 1 where one of these was missed. Both sides have as many threads. A thread that waits for another spins: on a
busy machine only `--threads 1` says something. About 10 minutes.

The others are installed once into a virtual environment in tfgen's cache folder.
"""

import json
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from common import TORCH, environment_of, kept_environment, processors, show_table, talk, work_folder

PARTS = ("numbers", "speed", "stream")
NEEDED = ("scipy", "scikit-learn", "tqdm", "Pillow")
OTHERS = ("torch-fidelity==0.4.0", "prdc==0.2")  # without what they depend on, which is another PyTorch
METRICS = {
    "frechet": "frechet", "frechet_sqrtm": "frechet", "kernel_full": "kernel", "kernel_subsets": "kernel",
    "precision_recall": "precision-recall", "density_coverage": "density-coverage",
}  # the others' work, and tfgen's metric for it
NUMBERS = ("frechet", "frechet_sqrtm", "kernel_full", "precision_recall", "density_coverage")
SPEED = {"frechet": 5.0, "frechet_sqrtm": 5.0, "kernel_subsets": 1.0, "precision_recall": 1.0}  # and the least ratio
SHAPES = ((2000, 64), (5000, 256), (10_000, 256), (10_000, 2048))
TOLERANCE = 1e-3
MOST_MEMORY = 3.0  # GiB
STREAMED = (1_000_000, 256)
MOST_GROWTH = 300.0  # MB


class Side:
    """One of the two, in a process of its own, which waits while the other has its turn."""

    def __init__(self, command: list[str], threads: int):
        names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
        environment = environment_of(**dict.fromkeys(names, threads))
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.greeting = self._answer()

    def ask(self, **words: object) -> dict:
        """What it answers to a line of JSON."""
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("One side ended; its words are above.")
        return json.loads(line)


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--threads", type=int, default=processors, help="Of each side; as many as there are processors.")
@click.option("--rounds", default=3, show_default=True, help="Turns of each, for the speed.")
@click.option("--serve", is_flag=True, hidden=True, help="Be tfgen's side.")
def main(parts: tuple[str, ...], threads: int, rounds: int, serve: bool) -> None:
    """Compare numbers, speed and memory."""
    if serve:
        return _serve()
    python = kept_environment("fidelity", TORCH, NEEDED, ("--no-deps", *OTHERS))
    command = [sys.executable, str(Path(__file__)), "--serve"]
    ours = Side(command, threads)
    others = Side([str(python), str(Path(__file__).with_name("evaluation_others.py")), str(threads)], threads)
    kept = []
    with work_folder("evaluation") as folder:
        if "numbers" in (parts or PARTS):
            kept.append(_numbers(ours, others, folder))
        if "speed" in (parts or PARTS):
            kept.append(_speed(ours, others, folder, rounds))
        if "stream" in (parts or PARTS):
            fresh = Side(command, threads)  # the memory of earlier work would be taken again, and not be seen to grow
            kept.append(_stream(fresh, folder))
            fresh.close()
    ours.close()
    others.close()
    sys.exit(0 if all(kept) else 1)


def _numbers(ours: Side, others: Side, folder: Path) -> bool:
    """Every score on every pair of features; whether all agree."""
    show_table(("work", "the others' function"), [(work, others.greeting[work]) for work in NUMBERS])
    rows, worst = [], 0.0
    for name, real, generated in _features():
        paths = _saved(folder, real, generated)
        for work in NUMBERS:
            talk(f"{name}: {work}")
            own = ours.ask(work=work, **paths)["scores"]
            other = others.ask(work=work, kind="float64", neighbours=_neighbours(), **paths)["scores"]
            for score, value in other.items():
                apart = abs(own[score] - value) / max(abs(value), 1e-12)
                rows.append((name, work, score, f"{own[score]:.6g}", f"{value:.6g}", f"{apart:.1e}"))
                worst = max(worst, apart)
    show_table(("features", "work", "score", "tfgen", "the other", "apart"), rows)
    show_table(("furthest apart", "at most", "kept"), [(f"{worst:.1e}", TOLERANCE, _word(worst <= TOLERANCE))])
    return worst <= TOLERANCE


def _features() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Names, and features of real and generated examples."""
    for count, size in SHAPES:
        yield f"random {count} x {size}", *random_features(count, size)
    real, generated = digit_features()
    yield f"digits {len(real)} x {real.shape[1]}", real, generated


def random_features(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Bent surfaces of 12 dimensions with some noise, one a little off: no score is at an end of its range."""
    generator = np.random.default_rng(0)
    weights = generator.standard_normal([12, size]) / 4

    def draw(scale: float, shift: float) -> np.ndarray:
        surface = (scale * generator.standard_normal([count, 12]) + shift) @ weights
        return (np.maximum(surface, 0) + 0.1 * generator.standard_normal([count, size])).astype(np.float32)

    return draw(1.0, 0.0), draw(1.1, 0.1)


def digit_features() -> tuple[np.ndarray, np.ndarray]:
    """What random convolutions see of half of the embedded digits, and of the other half moved by a pixel."""
    from tfgen.data import open_data
    from tfgen.evaluate.extractors.random_features import open_random_features

    examples = open_data("digits")
    values = np.asarray(examples.values)[np.random.default_rng(0).permutation(len(examples))]
    half = len(values) // 2
    look = open_random_features(examples).look
    return look(values[:half]), look(np.roll(values[half:2 * half], 1, axis=2))


def _speed(ours: Side, others: Side, folder: Path, rounds: int) -> bool:
    """Seconds by turns; whether every ratio and the memory are as they should be."""
    paths = _saved(folder, *random_features(10_000, 2048))
    rows, kept = [], True
    for work, least in SPEED.items():
        times = []
        for turn in range(1, rounds + 1):
            other = others.ask(work=work, kind="float32", neighbours=_neighbours(), **paths)
            own = ours.ask(work=work, **paths)
            times.append((other["seconds"], own["seconds"], other["processor"], own["processor"]))
            talk(f"{work}, turn {turn}: {other['seconds']:.2f} and {own['seconds']:.2f} seconds")
        medians = [statistics.median(column) for column in zip(*times, strict=True)]
        ratio = medians[0] / medians[1]
        kept = kept and ratio >= least
        rows.append((work, *(round(value, 2) for value in (*medians, ratio)), least, _word(ratio >= least)))
    headings = ("the other", "tfgen", "the other's processor s", "tfgen's", "ratio", "at least", "kept")
    show_table(("seconds, median", *headings), rows)
    peak = ours.ask(work="peak")["gib"]
    show_table(("tfgen's peak, GiB", "at most", "kept"), [(peak, MOST_MEMORY, _word(peak <= MOST_MEMORY))])
    return kept and peak <= MOST_MEMORY


def _stream(ours: Side, folder: Path) -> bool:
    """The memory that a million rows on the disk need; whether it is little enough, and the mean is right."""
    generator = np.random.default_rng(0)
    path = folder / "stream.npy"
    rows = np.lib.format.open_memmap(path, "w+", np.float32, STREAMED)
    total = np.zeros(STREAMED[1])
    for start in range(0, len(rows), 10_000):
        block = generator.standard_normal([10_000, STREAMED[1]], np.float32) + np.float32(3.0)
        rows[start:start + len(block)] = block
        total += block.sum(axis=0, dtype=np.float64)
    rows.flush()
    answer = ours.ask(work="stream", rows=str(path))
    error = float(np.abs(np.array(answer["mean"]) - total / len(rows)).max())
    kept = answer["growth"] <= MOST_GROWTH and error < 1e-6
    size = path.stat().st_size / 1e6
    show_table(
        ("MB on the disk", "MB grown", "at most", "seconds", "mean's error", "kept"),
        [(size, answer["growth"], MOST_GROWTH, answer["seconds"], error, _word(kept))],
    )
    return kept


def _serve() -> None:
    """tfgen's side: as evaluation_others.py, in this interpreter."""
    from tfgen.catalog import METRICS as CATALOG

    print("{}", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["work"] == "peak":
            answer = {"gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}
        elif asked["work"] == "stream":
            answer = _streamed(asked["rows"])
        else:
            metric = CATALOG.load(f"image/{METRICS[asked['work']]}")
            evidence = {name: np.load(asked[name]) for name in ("real", "generated")}
            began = time.perf_counter(), time.process_time()
            scores = metric(evidence)
            seconds, processor = time.perf_counter() - began[0], time.process_time() - began[1]
            answer = {"scores": scores, "seconds": seconds, "processor": processor}
        print(json.dumps(answer), flush=True)


def _streamed(path: str) -> dict:
    """The moments of memory-mapped rows, and by how many MB the memory that is no file's has grown meanwhile."""
    from tfgen.evaluate.statistics import Moments

    before, largest, done = _anonymous(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            largest[0] = max(largest[0], _anonymous())

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    moments = Moments.of(np.load(path, mmap_mode="r"))
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    return {"growth": max(0.0, largest[0] - before), "seconds": seconds, "mean": moments.mean.tolist()}


def _anonymous() -> float:
    """MB of this process that no file lies behind."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("RssAnon:")) * 1024 / 1e6


def _saved(folder: Path, real: np.ndarray, generated: np.ndarray) -> dict[str, str]:
    paths = {"real": str(folder / "real.npy"), "generated": str(folder / "generated.npy")}
    for name, rows in (("real", real), ("generated", generated)):
        np.save(paths[name], rows)
    return paths


def _neighbours() -> int:
    from tfgen.evaluate.metrics.precision_recall import NEIGHBOURS

    return NEIGHBOURS


def _word(kept: bool) -> str:
    return "yes" if kept else "NO"


if __name__ == "__main__":
    main()
