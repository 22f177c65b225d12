"""Bulk generation by Apache Beam: what it costs beside plain `generate`, and what kills leave behind.

    python scripts/bench/beam.py speed RUN -n 40000      seconds and processor seconds of both, by turns, and the ratios
    python scripts/bench/beam.py kills RUN               five SIGKILLs in the middle, each resumed; ends with 1 where
                                                         a byte differs or a file is half there
    python scripts/bench/beam.py folder                  processor seconds that the command itself needs for shards
    python scripts/bench/beam.py model ...               what many machines would take, by arithmetic from the others

`speed` makes -n samples and a tenth of them, so that what a start takes is told from what a sample takes; the ratio of
the whole is to be at most 1.15 on two quiet cores. docs/scale.md has the figures, and what follows from them.
"""

import hashlib
import json
import math
import random
import resource
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click
from common import command_of, environment_of, processors, show_table, talk, work_folder

from tfgen.generate import Request, bulk
from tfgen.run import Run

PLAIN_ENDINGS = {".tar": ".npz", ".parquet": ".parquet", ".jsonl": ".jsonl"}  # what `generate` writes many samples to


@click.group()
def main() -> None:
    """Bulk generation, as figures."""


@main.result_callback()
def _end(whole: bool | None, **_) -> None:
    sys.exit(whole is False)


@main.command()
@click.argument("run")
@click.argument("prompt", default="")
@click.option("-n", "--count", default=40_000, show_default=True, help="Samples.")
@click.option("--rounds", default=3, show_default=True, help="Of each, by turns.")
@click.option("--option", "options", multiple=True, help="Further words of the command, such as --length=50.")
@click.option("--shard-size", type=int, help="By default as the command has it.")
def speed(run: str, prompt: str, count: int, rounds: int, options: tuple[str, ...], shard_size: int | None) -> None:
    """Time both ways of making the same samples, by turns."""
    opened = Run.open(run)
    request = Request("", 1, 0, Path("nowhere"), {"length": 1} if any("length" in each for each in options) else {})
    job = bulk.open_bulk(opened, request)
    form, shard_size = bulk.FORMATS[job.format].ending, shard_size or job.size
    sizes, rows = (count // 10, count), []
    measured = {(way, size): [] for way in ("generate", "--beam") for size in sizes}
    with work_folder("beam") as folder:
        for number in range(rounds):
            for way, size in measured:
                place = folder / f"{way}-{size}-{number}{PLAIN_ENDINGS[form] if way == 'generate' else ''}"
                # As many shards of both, so that as many workers start.
                extra = [] if way == "generate" else ["--beam", "--shard-size", shard_size * size // count]
                words = ("generate", opened.path.resolve(), prompt, "-n", size, *options, *extra, "-o", place)
                measured[way, size].append(_timed(folder, *words))
                talk(f"{way} of {size}: {measured[way, size][-1][0]:.1f} s")
    middle = {key: [statistics.median(each) for each in zip(*times)] for key, times in measured.items()}
    for way in ("generate", "--beam"):
        (few, few_work), (many, many_work) = middle[way, sizes[0]], middle[way, sizes[1]]
        slopes = [(much - little) / (sizes[1] - sizes[0]) for much, little in ((many, few), (many_work, few_work))]
        rows.append((way, few, many, many_work, few_work - slopes[1] * sizes[0], 1000 * slopes[0], 1000 * slopes[1]))
    rows.append(("ratio", *(beam / plain for plain, beam in zip(rows[0][1:], rows[1][1:]))))
    print(f"{opened.name}, {processors()} processors, medians of {rounds}")
    show_table(("way", f"s of {sizes[0]}", f"s of {count}", "processor s", "start, processor s", "ms a sample",
                "processor ms a sample"), rows)  # fmt: skip


def _timed(folder: Path, *words: object) -> tuple[float, float]:
    """Seconds by the clock and of processors that a command takes, with its workers."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command_of(*words), env=environment_of(), cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))} failed:\n{done.stderr[-2000:]}")
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@main.command()
@click.argument("run")
@click.option("-n", "--count", default=24_000, show_default=True, help="Samples.")
@click.option("--shard-size", default=600, show_default=True)
@click.option("--kills", "wanted", default=5, show_default=True, help="How many.")
@click.option("--seed", default=0, show_default=True, help="Of the instants.")
def kills(run: str, count: int, shard_size: int, wanted: int, seed: int) -> bool:
    """Kill the command in the middle, resume it, and compare every byte with an undisturbed one's."""
    draw, opened = random.Random(seed), Run.open(run)
    with work_folder("kills") as folder:
        words = ("generate", opened.path.resolve(), "-n", count, "--shard-size", shard_size, "--beam", "-o")
        expected, fired = folder / "expected", folder / "fired"
        _timed(folder, *words, expected)
        total, rows = len(_hashes(expected)), []
        for number in range(1, wanted + 1):
            there = len(_hashes(fired))
            goal = there + max(1, (total - there) // (wanted - number + 2))
            process = subprocess.Popen(
                command_of(*words, fired), env=environment_of(), cwd=folder, stderr=subprocess.DEVNULL
            )
            while len(list(fired.glob("[!.]*.*[!2a]"))) - 1 < goal and process.poll() is None:
                time.sleep(0.02)
            time.sleep(draw.random() * 0.5)  # at any instant of the next one
            finished = process.poll() is not None
            if process.poll():
                raise SystemExit(f"{' '.join(map(str, words))} failed by itself")
            process.send_signal(signal.SIGKILL)
            process.wait()
            hashes, reference = _hashes(fired), _hashes(expected)
            broken = [name for name, digest in hashes.items() if reference[name] != digest]
            rows.append((number, "finished before" if finished else "killed", len(hashes), len(broken)))
            talk(f"kill {number}: {len(hashes)} of {total} shards are there")
        _timed(folder, *words, fired)
        left = len(list(fired.glob(".*.tmp"))) + len(list(fired.glob(".done/*")))
        same = _hashes(fired) == _hashes(expected) and _manifest(fired) == _manifest(expected)
        show_table(("kill", "outcome", "shards there", "of them broken"), rows)
        print(f"at the end: {len(_hashes(fired))} of {total} shards, {'all' if same else 'NOT ALL'} of equal bytes, "
              f"{left} leftovers")
        return same and not left and not any(row[3] for row in rows)


def _hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every shard by its name."""
    names = [path for path in folder.glob("*-of-*") if path.suffix not in (".c2pa", ".json")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in names}


def _manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


@main.command()
def folder() -> None:
    """Processor seconds that the command itself needs for shards that are made: to look, and for the manifest."""
    rows = []
    for count in (1000, 10_000):
        with work_folder("folder") as place:
            request = Request("", count, 0, place / "out")
            job = bulk.Bulk("runs/a@base", "a", "base", "0" * 32, request, "jsonl", 1)
            (place / "out" / ".done").mkdir(parents=True)
            for number in range(count):
                name = job.path(number).name
                job.path(number).write_text("-")
                note = {"name": name, "seeds": [number] * 2, "samples": 1, "bytes": 1, "sha256": "0" * 64}
                (place / "out" / ".done" / f"{name}.json").write_text(json.dumps(note))
            bulk._write_manifest(job, {})
            began = time.process_time()
            there = bulk._shards_there(job)
            looked = time.process_time()
            bulk._write_manifest(job, there)
            size = (place / "out" / bulk.MANIFEST).stat().st_size
            rows.append((count, looked - began, time.process_time() - looked, size))
    show_table(("shards", "s to look at all", "s to write the manifest", "its bytes"), rows)


@main.command()
@click.option("-n", "--count", default=10**7, show_default=True, help="Samples.")
@click.option("--shard-size", default=4096, show_default=True)
@click.option("--milliseconds", required=True, type=float, help="Of a processor, for a sample.")
@click.option("--start", required=True, type=float, help="Seconds until a worker's first sample.")
@click.option("--look", default=4e-5, show_default=True, help="Seconds of the command itself for a shard.")
@click.option("--size", required=True, type=float, help="Bytes of a sample in its shard.")
@click.option("--disk", default=1e9, show_default=True, help="Bytes a second that the shared disk takes.")
@click.option("--workers", default=8, show_default=True, help="Of a machine, one on each processor.")
@click.option("--price", default=0.4, show_default=True, help="Of a machine for an hour.")
def model(
    count: int, shard_size: int, milliseconds: float, start: float, look: float, size: float, disk: float,
    workers: int, price: float,
) -> None:
    """What many machines would take by arithmetic: no cluster was there to measure.

    Seconds are those of the start, of the shards that the busiest worker makes or of the disk, whichever is longer,
    and of the command's own look at all shards.
    """
    shards, rows = math.ceil(count / shard_size), []
    for machines in (1, 10, 100, 1000):
        making = math.ceil(shards / (machines * workers)) * min(shard_size, count) * milliseconds / 1000
        writing = count * size / disk
        seconds = start + max(making, writing) + look * shards
        rows.append((machines, seconds, count * milliseconds / 1000 / workers / machines / seconds,
                     machines * seconds / 3600 * price, "disk" if writing > making else "processors"))  # fmt: skip
    show_table(("machines", "seconds", "of them making samples", "price", "waits for"), rows)


if __name__ == "__main__":
    main()
