"""What the benches share: where tfgen is, how to run its command, a place to keep things, and tables."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT))  # what is measured is this checkout, whatever else is installed
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
TORCH = ("torch==2.13.0", "numpy")


def kept_folder() -> Path:
    """Where a bench keeps what is dear to make (a classifier, an environment) from one call to the next."""
    from tfgen.data.prepared import cache_folder

    folder = cache_folder() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def work_folder(name: str, parent: str | None = None) -> Iterator[Path]:
    """A folder that is gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix=f"tfgen-{name}-", dir=parent) as folder:
        yield Path(folder)


def command_of(*arguments: object) -> list[str]:
    """The words that run `tfgen ARGUMENTS` from this checkout with this interpreter."""
    return [sys.executable, "-c", "from tfgen.cli import main; main()", *map(str, arguments)]


def environment_of(**changes: object) -> dict[str, str]:
    """This process's environment with this checkout first on the path, and `changes`."""
    path = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, **{name: str(value) for name, value in changes.items()}}


def tfgen(*arguments: object, **environment: object) -> subprocess.CompletedProcess:
    """Runs a tfgen command to its end; its outputs are text."""
    return subprocess.run(
        command_of(*arguments), env=environment_of(**environment), capture_output=True, text=True, check=False
    )


def must(finished: subprocess.CompletedProcess) -> subprocess.CompletedProcess:
    """The finished command itself; ends the bench where it failed."""
    if finished.returncode:
        raise SystemExit(f"{' '.join(finished.args[2:])} failed:\n{finished.stderr[-2000:]}")
    return finished


def newest_arrays(run: Path) -> dict:
    """The weights and the rest of a run's newest whole checkpoint."""
    from tfgen import checkpoints

    return checkpoints.load_newest(run / "checkpoints").arrays


def same_bits(first: dict, second: dict) -> bool:
    """Whether two states hold the same arrays, to the last bit."""
    return first.keys() == second.keys() and all(
        first[name].dtype == second[name].dtype and first[name].tobytes() == second[name].tobytes() for name in first
    )


def kept_environment(name: str, *installs: Sequence[str]) -> Path:
    """The interpreter of a virtual environment that is made on the first call: pip's words for each installation."""
    folder = kept_folder() / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "complete").exists():
        talk(f"Installing {' '.join(word for words in installs for word in words)} into {folder}; once.")
        venv.create(folder, with_pip=True, clear=True)
        for words in installs:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *words], check=True)
        (folder / "complete").touch()
    return python


def torch_environment() -> Path:
    """The interpreter of an environment with PyTorch."""
    return kept_environment("torch", TORCH)


def processors() -> int:
    """How many threads the work may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def talk(text: str) -> None:
    """One line of talk, with the time; standard output is for the tables."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Prints rows under headings; columns of numbers to the right, the others to the left."""
    rows = list(rows)
    cells = [list(headings), *[[_cell(value) for value in row] for row in rows]]
    for line in zip(*[_aligned(column, values) for column, values in zip(
            zip(*cells, strict=True), zip(*rows, strict=True), strict=True)], strict=True):
        print("  ".join(line).rstrip(), flush=True)
    print(flush=True)


def _aligned(cells: Sequence[str], values: Sequence[object]) -> list[str]:
    width = max(map(len, cells))
    words = any(isinstance(value, str) for value in values)
    return [cell.ljust(width) if words else cell.rjust(width) for cell in cells]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
