"""Memory: the peak resident memory of a fit on many pictures.

    python scripts/bench/memory.py [--count 100000] [--side 64] [--model gan]

Makes the pictures (soft colour noise as JPEG) in a temporary folder, runs `tfgen fit` on them in a process of its own,
and prints how long the preparation took and the process's peak resident memory, which includes the pages of the
prepared file that it has mapped. At most 3 GiB is the goal. Needs 2 GB of disk; about 4 minutes on two cores.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import click
from common import command_of, environment_of, show_table, talk, work_folder
from pictures import write_good

GOAL_GIB = 3.0


@click.command()
@click.option("--count", default=100_000, show_default=True, help="How many pictures.")
@click.option("--side", default=64, show_default=True, help="Their height and width.")
@click.option("--model", "family", default="gan", show_default=True)
@click.option("--steps", default=60, show_default=True)
@click.option("--parent", metavar="FOLDER", help="Where to put the temporary folder.")
def main(count: int, side: int, family: str, steps: int, parent: str | None) -> None:
    """Print times and the peak."""
    with work_folder("memory", parent) as folder:
        talk(f"Writing {count} pictures of {side}x{side} ...")
        began = time.monotonic()
        write_good(folder / "pictures", count, side, ("jpg",))
        talk(f"Written in {time.monotonic() - began:.0f} s; fitting ...")
        words = ["fit", family, folder / "pictures", "--steps", steps, "--size", "tiny", "-o", folder / "run"]
        first, code, peak = _run(words, folder)
        again, _, peak_again = _run([*words[:-1], folder / "again"], folder)
    show_table(
        ("", "first fit", "prepared before"),
        [
            ("pictures", count, count),
            ("seconds to the plan, imports and preparation", first["plan"], again["plan"]),
            ("seconds in all", first["end"], again["end"]),
            ("peak resident GiB", peak, peak_again),
        ],
    )
    within = code == 0 and max(peak, peak_again) <= GOAL_GIB
    print(f"{'Within' if within else 'NOT within'} the goal of {GOAL_GIB:g} GiB.")
    raise SystemExit(0 if within else 1)


def _run(words: list, folder: Path) -> tuple[dict[str, float], int, float]:
    """Seconds until tfgen has said its plan and until it ended, its exit code, and its peak in GiB."""
    began, seconds = time.monotonic(), {}
    process = subprocess.Popen(
        command_of(*words), env=environment_of(TFGEN_CACHE=folder / "cache"), stderr=subprocess.PIPE, text=True
    )
    for line in process.stderr:
        if line.startswith("Data:"):
            seconds["plan"] = round(time.monotonic() - began, 1)
        if line.startswith("Error"):
            talk(line.strip())
    # Of this process alone; getrusage would give the largest of all children.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds["end"] = round(time.monotonic() - began, 1)
    unit = 1 if sys.platform == "darwin" else 1024
    return {"plan": float("nan"), **seconds}, process.returncode, usage.ru_maxrss * unit / 2**30


if __name__ == "__main__":
    main()
