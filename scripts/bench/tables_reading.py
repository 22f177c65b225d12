"""Reading a table of a million rows: how long it takes, and the peak resident memory.

    python scripts/bench/tables_reading.py [--count 1000000] [--kind csv]

Makes a CSV (or Parquet) of 15 columns as people have them, reads it in a process of its own as `tfgen data` would,
finds what holds in every row, and writes the rows again. At most 3 GiB and about 30 s are the goal.
"""

import csv
import random
import resource
import subprocess
import sys
import time
from pathlib import Path

import click
from common import show_table, talk, work_folder

GOAL_GIB, GOAL_SECONDS = 3.0, 30


@click.command()
@click.option("--count", default=1_000_000, show_default=True, help="How many rows.")
@click.option("--kind", default="csv", show_default=True, help="csv, csv.gz, jsonl or parquet.")
@click.option("--read", metavar="FILE", hidden=True)
def main(count: int, kind: str, read: str | None) -> None:
    """Print times and the peak."""
    if read:
        _read(Path(read))
        return
    with work_folder("tables", None) as folder:
        path = _write(folder, count, kind)
        talk(f"Reading {path.name}, {path.stat().st_size / 2**20:.0f} MiB ...")
        words = [sys.executable, __file__, "--read", str(path)]
        output = subprocess.run(words, capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in output.stdout.splitlines()]
    show_table(("", "seconds", "of the processor", "peak GiB so far"), rows)


def _write(folder: Path, count: int, kind: str) -> Path:
    chance = random.Random(0)
    path = folder / "rows.csv"
    cities = [(f"city {place}", f"country {place % 30}") for place in range(300)]
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow("id,start,end,age,wage,net,tax,gross,city,country,zip,smoker,score,grade,price".split(","))
        for place in range(count):
            city, country = chance.choice(cities)
            net, tax = chance.randrange(100_000) / 100, chance.randrange(50_000) / 100
            day, month = 1 + chance.randrange(28), 1 + chance.randrange(12)
            writer.writerow((
                place + 1000, f"2019-{month:02d}-{day:02d}",
                f"2020-{month:02d}-{day:02d} 1{place % 10}:{place % 60:02d}:00",
                chance.randrange(18, 90), round(chance.lognormvariate(7, 1), 2), f"{net:.2f}", f"{tax:.2f}",
                f"{net + tax:.2f}", city, country, f"{chance.randrange(100_000):05d}", chance.choice(("yes", "no")),
                chance.random(), chance.choice("ABCDEF?"), f"${chance.randrange(10_000):,}.50",
            ))  # fmt: skip
    if kind == "csv":
        return path
    if kind == "csv.gz":
        subprocess.run(["gzip", "-1", str(path)], check=True)
        return path.with_name("rows.csv.gz")
    from tfgen.modalities.table.table import open_table
    from tfgen.modalities.table.writing import write_rows

    other = folder / f"rows.{kind}"
    write_rows(other, open_table(path).rows, {})
    return other


def _read(path: Path) -> None:
    from tfgen.modalities.table import constraints
    from tfgen.modalities.table.kinds import rows_of
    from tfgen.modalities.table.reading import read_cells
    from tfgen.modalities.table.writing import write_rows

    began, used = time.monotonic(), time.process_time()

    def tell(what: str) -> None:
        nonlocal began, used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        times = f"{time.monotonic() - began:.1f}", f"{time.process_time() - used:.1f}"
        print(what, *times, f"{peak:.2f}", sep="\t", flush=True)
        began, used = time.monotonic(), time.process_time()

    cells = read_cells(path)
    tell("cells")
    rows, _ = rows_of(cells)
    del cells
    tell("rows")
    found = constraints.find(rows)
    tell(f"{len(found)} constraints")
    write_rows(path.with_name("again.csv"), rows, {})
    tell("written as CSV")
    write_rows(path.with_name("again.parquet"), rows, {})
    tell("written as Parquet")


if __name__ == "__main__":
    main()
