"""Faults: what a fit survives, as figures.

    python scripts/bench/faults.py               everything, about half an hour on two quiet cores
    python scripts/bench/faults.py kills         50 kills of fits, with resume in between; 12 minutes
    python scripts/bench/faults.py flips         200 flipped bits and cut files among checkpoints; 1 minute
    python scripts/bench/faults.py disk          a disk that is full in the middle of a save; 2 minutes
    python scripts/bench/faults.py pictures      200 broken pictures among 2,000 good ones; 1 minute
    python scripts/bench/faults.py workers       20 kills of one of two workers that train together; 15 minutes

Each prints a table and ends with 1 where anything was lost. A kill is SIGKILL, so nothing can be tidied up. They are
spread over four phases: start-up, training, the instant at which a checkpoint is being written, and the end.
"""

import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import click
from common import command_of, environment_of, must, newest_arrays, same_bits, show_table, talk, tfgen, work_folder

from tfgen import checkpoints
from tfgen.errors import UserError

SMALL_FIT = ("gan", "--size", "tiny", "--seed", 3, "--save-every", 0, "--steps")
LONGEST_SECONDS = 900  # a process that takes longer hangs, and that is a fault too


@click.group(invoke_without_command=True)
@click.pass_context
def main(context: click.Context) -> None:
    """Run one bench, or all of them."""
    if context.invoked_subcommand is None:
        outcomes = [context.invoke(command) for command in (flips, disk, pictures, kills, workers)]
        sys.exit(not all(outcomes))


@main.result_callback()
def _end(whole: bool | None, **_) -> None:
    sys.exit(not whole)


# Kills.


@main.command()
@click.option("--kills", "wanted", default=50, show_default=True, help="How many.")
@click.option("--steps", default=400, show_default=True, help="Of a fit.")
@click.option("--seed", default=0, show_default=True, help="Of the instants.")
def kills(wanted: int, steps: int, seed: int) -> bool:
    """Kill fits at random instants, resume them, and compare the weights with an uninterrupted fit's."""
    draw = random.Random(seed)
    with work_folder("kills") as folder:
        talk("The uninterrupted fit ...")
        began = time.monotonic()
        reference = _finished_fit(folder / "reference", steps)
        trained = json.loads((folder / "reference/history.jsonl").read_text().splitlines()[-1])["seconds"]
        start_up = time.monotonic() - began - trained
        stages, fits = Counter(), []
        while stages.total() < wanted:
            run = folder / f"run-{len(fits)}"
            trouble = _fit_under_fire(run, steps, draw, start_up, wanted, stages)
            outcome = _compare(run, reference) if _is_finished(run) else "NEVER FINISHED"
            fits.append((run.name, outcome, len(list(run.rglob(".*.tmp"))), trouble or "-"))
            talk(f"{run.name}: {outcome}")
    same = sum(outcome == "same bits" and trouble == "-" for _, outcome, _, trouble in fits)
    show_table(["killed during", "times"], [*stages.items(), ("all", stages.total())])
    show_table(["fit", "weights in the end", "half-written files left", "trouble"], fits)
    print(f"{same} of {len(fits)} fits under {stages.total()} kills ended without trouble and with the weights of the "
          "uninterrupted fit.\n")
    return same == len(fits)


# In this order, so that the end comes last: after it there is nothing left to kill.
STAGES = ("creation", "start-up", "training", "saving", "training", "saving", "the end", "the end")


def _fit_under_fire(
    run: Path, steps: int, draw: random.Random, start_up: float, wanted: int, stages: Counter
) -> str | None:
    """Begins a fit and resumes it until it has finished, killing it as long as kills are left.

    Gives a sentence where a kill left a folder in which a fit can neither be resumed nor begun.
    """
    attempt, trouble = 0, None
    while not _is_finished(run):
        aim = STAGES[attempt % len(STAGES)] if stages.total() < wanted else None
        attempt += 1
        ended, stage = _run_and_kill(run, steps, aim, draw, start_up)
        if stage:
            stages[stage] += 1
            talk(f"{run.name}: killed ({stage}) at step {_last_step(run)}, {stages.total()} of {wanted}")
        elif ended and trouble:
            return f"refused twice: {ended[:120]}"
        elif ended:
            trouble = f"refused: {ended[:120]}"
            talk(f"{run.name}: {trouble}")
            shutil.rmtree(run, ignore_errors=True)  # what a user would do, so that the rest is seen too
    return trouble


def _run_and_kill(
    run: Path, steps: int, aim: str | None, draw: random.Random, start_up: float
) -> tuple[str, str | None]:
    """One process; its last words where it failed by itself, and the stage in which it was killed, if it was."""
    # Like a user: what has a record is resumed, anything else is begun.
    words = ["gan", "-o", run, "--resume"] if (run / "run.json").exists() else [*SMALL_FIT, steps, "-o", run]
    look, log = _Lookout(run, steps), run.with_suffix(".log")
    with open(log, "w") as errors:
        process = subprocess.Popen(command_of("fit", *words), env=environment_of(), stderr=errors)
    try:
        if aim:
            _wait_for(aim, look, process, draw, start_up)
            stage = look.stage()
            process.kill()  # does nothing to a process that has ended
        code = process.wait(LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return "it hung", None
    if code < 0:
        return "", stage
    return (log.read_text().strip().splitlines() or ["?"])[-1] if code else "", None


class _Lookout:
    """What a process that begins now is doing, as far as files tell that have changed since."""

    def __init__(self, run: Path, steps: int):
        self.run, self.steps, self.began = run, steps, time.time()

    def stage(self) -> str:
        """One of STAGES."""
        if self.is_creating():
            return "creation"
        if self.is_saving():
            return "saving"
        step = self.step()
        return "start-up" if not step else "training" if step < self.steps else "the end"

    def step(self) -> int:
        """The step of the newest checkpoint; every execution leaves one. 0 before the first."""
        names = [path.name for path in self._changed("*.npz")]
        return max((int(name.split("-")[2]) for name in names), default=0)

    def is_creating(self) -> bool:
        """Whether the folder is being filled under another name, from which one rename makes it the run's."""
        return not self.run.exists() and any(map(self._is_new, self.run.parent.glob(".tfgen-*.tmp")))

    def is_saving(self) -> bool:
        return bool(self._changed(".*.tmp"))

    def _changed(self, pattern: str) -> list[Path]:
        return [path for path in (self.run / "checkpoints").glob(pattern) if self._is_new(path)]

    def _is_new(self, path: Path) -> bool:
        try:
            return path.stat().st_mtime >= self.began
        except FileNotFoundError:  # renamed between the listing and here
            return False


def _wait_for(
    aim: str, look: _Lookout, process: subprocess.Popen, draw: random.Random, start_up: float
) -> None:
    """Returns at a random instant of the stage aimed at, or when the process has ended."""
    condition, longest = {
        "start-up": (lambda: True, start_up),
        "creation": (look.is_creating, 0.003),
        "training": (lambda: look.step() > 0, 0.3),
        "saving": (lambda: look.step() > 0 and look.is_saving(), 0.005),
        "the end": (lambda: look.step() >= look.steps, 2),
    }[aim]
    _until(condition, process)
    _until(lambda: False, process, draw.uniform(0, longest))


def _until(condition: Callable[[], bool], process: subprocess.Popen, seconds: float = LONGEST_SECONDS) -> None:
    stop = time.monotonic() + seconds
    while time.monotonic() < stop and process.poll() is None and not condition():
        time.sleep(min(0.0005, max(0.0, stop - time.monotonic())))


def _last_step(run: Path) -> int:
    """The last step that the history tells of; 0 where it has none."""
    try:
        lines = (run / "history.jsonl").read_bytes().splitlines()
    except OSError:
        return 0
    return max((json.loads(line)["step"] for line in lines if line.endswith(b"}")), default=0)


def _is_finished(run: Path) -> bool:
    return (run / "run.json").exists() and json.loads((run / "run.json").read_text())["status"] == "finished"


def _compare(run: Path, reference: dict) -> str:
    arrays = newest_arrays(run)
    if same_bits(arrays, reference):
        return "same bits"
    return f"DIFFER in {sum(not same_bits({'': arrays[name]}, {'': reference[name]}) for name in arrays)} arrays"


def _finished_fit(run: Path, steps: int) -> dict:
    must(tfgen("fit", *SMALL_FIT, steps, "-o", run))
    return newest_arrays(run)


# Workers.


@main.command()
@click.option("--kills", "wanted", default=20, show_default=True, help="How many.")
@click.option("--steps", default=2000, show_default=True, help="Of the fit.")
@click.option("--seed", default=0, show_default=True, help="Of the instants, and of who is killed.")
def workers(wanted: int, steps: int, seed: int) -> bool:
    """Kill one of two workers at random instants, and start both again, as a cluster does."""
    draw, losses, others = random.Random(seed), [], []
    with work_folder("workers") as folder:
        run = folder / "run"
        while not _is_finished(run):
            before = _newest_checkpoint(run)
            processes = _start_workers(run, steps)
            _until(lambda before=before: _newest_checkpoint(run) > before or _is_finished(run), processes[0])
            time.sleep(draw.random() * 2)
            reached, began = _newest_checkpoint(run), time.monotonic()
            if len(losses) < wanted and all(each.poll() is None for each in processes):
                victim = draw.randrange(2)
                processes[victim].kill()
                code = processes[1 - victim].wait(LONGEST_SECONDS)
                others.append(time.monotonic() - began)
                losses.append((("chief", "other")[victim], reached, code, _newest_checkpoint(run) >= reached))
                talk(f"killed the {losses[-1][0]} at step {reached}; the other one ended after {others[-1]:.1f} s")
            for process in processes:
                process.wait(LONGEST_SECONDS)
        same = _last_step(run) == steps
    show_table(["killed", "checkpoint of step", "the other's exit code", "nothing lost"], losses)
    whole = same and all(kept and code == 1 for *_, code, kept in losses)
    print(f"{len(losses)} kills; the other worker ended after {sorted(others)[len(others) // 2]:.1f} s (median, most "
          f"{max(others):.1f}); the fit {'finished' if same else 'DID NOT FINISH'}.\n")
    return whole


def _start_workers(run: Path, steps: int) -> list[subprocess.Popen]:
    """A chief, which goes on where there is something to go on with, and one that follows it."""
    ports = []
    for _ in range(2):
        with socket.create_server(("localhost", 0)) as free:
            ports.append(free.getsockname()[1])
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    how = ["--resume"] if (run / "run.json").exists() else ["--steps", steps, "--size", "tiny"]
    words = ["vae", "insurance", "-o", run, "--save-every", 0.5, "--strategy", "multiworker", *how]
    processes = []
    for place in range(2):
        own = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": place}})
        log = open(run.with_suffix(f".{place}.log"), "w")
        processes.append(
            subprocess.Popen(command_of("fit", *words), env=environment_of(TF_CONFIG=own), stdout=log, stderr=log)
        )
    return processes


def _newest_checkpoint(run: Path) -> int:
    """The step of the newest whole checkpoint; 0 where there is none."""
    try:
        return checkpoints.load_newest(run / "checkpoints").step
    except UserError:
        return 0


# Flipped bits.


@main.command()
@click.option("--count", default=200, show_default=True, help="How many, half of them flips, half of them cuts.")
@click.option("--seed", default=0, show_default=True, help="Of the places.")
def flips(count: int, seed: int) -> bool:
    """Flip bits of checkpoints and cut them; each must be noticed, and the checkpoint before it used."""
    draw = random.Random(seed)
    with work_folder("flips") as folder:
        _finished_fit(folder / "run", steps=60)
        newest, before = sorted((folder / "run/checkpoints").glob("*.npz"))[:-3:-1]
        expected = checkpoints.load_newest(_alone(folder / "before", before)).arrays
        content, outcomes = newest.read_bytes(), {"bit flipped": Counter(), "cut short": Counter()}
        for number in range(count):
            sort = list(outcomes)[number % 2]
            newest.write_bytes(_flipped(content, draw) if number % 2 == 0 else content[:draw.randrange(len(content))])
            outcomes[sort][_outcome(newest, expected)] += 1
    wanted = "noticed, the one before is used"
    columns = sorted({wanted, *outcomes["bit flipped"], *outcomes["cut short"]})
    show_table(["damage", "count", *columns],
               [(sort, found.total(), *[found[name] for name in columns]) for sort, found in outcomes.items()])
    return all(set(found) == {wanted} for found in outcomes.values())


def _alone(folder: Path, checkpoint: Path) -> Path:
    folder.mkdir()
    shutil.copy(checkpoint, folder)
    return folder


def _flipped(content: bytes, draw: random.Random) -> bytes:
    damaged = bytearray(content)
    damaged[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def _outcome(damaged: Path, expected: dict) -> str:
    try:
        loaded = checkpoints.load_newest(damaged.parent)
    except Exception as error:  # whatever it is, it is to be counted
        return f"{type(error).__name__}"
    if damaged.name not in loaded.damaged:
        return "LOADED SILENTLY"
    return "noticed, the one before is used" if same_bits(loaded.arrays, expected) else "OTHER WEIGHTS"


# A full disk.


@main.command()
@click.option("--steps", default=200, show_default=True, help="Of a fit.")
def disk(steps: int) -> bool:
    """Fill the disk in the middle of a save; the checkpoint before must be whole, and the fit continue with room."""
    with work_folder("disk") as folder:
        reference = _finished_fit(folder / "reference", steps)
        size = max(path.stat().st_size for path in (folder / "reference/checkpoints").glob("*.npz"))
        mounted = folder / "disk"
        mounted.mkdir()
        # Room for two checkpoints and a half, where a fit keeps three.
        small, large = f"size={int(2.5 * size) + 300_000}", "size=1g"
        if os.geteuid() == 0 and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", small, "tmpfs", mounted], capture_output=True, check=False
        ).returncode:
            try:
                rows = _fill(mounted / "run", steps, reference, None, lambda: subprocess.run(
                    ["mount", "-o", f"remount,{large}", mounted], check=True))
            finally:
                subprocess.run(["umount", mounted], check=True)
            how = "a tmpfs that fills up"
        else:
            rows = _fill(mounted / "run", steps, reference, size // 2, lambda: None)
            how = "files that may not grow past half a checkpoint"
    show_table([how, ""], rows)
    return all(outcome == "yes" for question, outcome in rows if question.endswith("?"))


def _fill(
    run: Path, steps: int, reference: dict, largest: int | None, make_room: Callable[[], object]
) -> list[tuple[str, str]]:
    """Fits until the disk is full, makes room, and resumes; `largest` bytes is what a file may hold, if given."""
    if largest is None:
        failed = tfgen("fit", *SMALL_FIT, steps, "-o", run)
    else:
        _begin_and_stop(run, steps)
        failed = subprocess.run(
            command_of("fit", "gan", "-o", run, "--resume"), env=environment_of(), capture_output=True, text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest)), check=False)
    kept = checkpoints.load_newest(run / "checkpoints")
    left = [path.name for path in run.rglob("*.tmp")]
    make_room()
    resumed = tfgen("fit", "gan", "-o", run, "--resume")
    words = [line for line in failed.stderr.splitlines() if line.startswith("Error")]
    return [
        ("exit code", str(failed.returncode)),
        ("said", words[-1][:110] if words else f"nothing, but {failed.stderr[-80:]!r}"),
        ("it failed with code 1 and a sentence?", _yes(failed.returncode == 1 and bool(words))),
        (f"the checkpoint before (step {kept.step}) is whole?", _yes(not kept.damaged and kept.step > 0)),
        ("no half-written files are left?", _yes(not left)),
        ("with room, it resumes to the uninterrupted weights?",
         _yes(not resumed.returncode and same_bits(newest_arrays(run), reference))),
    ]


def _begin_and_stop(run: Path, steps: int) -> None:
    """A fit that Ctrl-C stops after its first checkpoints."""
    words = command_of("fit", *SMALL_FIT, steps, "-o", run)
    process = subprocess.Popen(words, env=environment_of(), stderr=subprocess.DEVNULL)
    _until(lambda: _last_step(run) > steps // 4, process)
    process.send_signal(signal.SIGINT)
    process.wait(LONGEST_SECONDS)


def _yes(true: bool) -> str:
    return "yes" if true else "NO"


# Broken pictures.


@main.command()
@click.option("--good", default=2000, show_default=True)
@click.option("--broken", default=200, show_default=True)
def pictures(good: int, broken: int) -> bool:
    """Put broken pictures of every sort among good ones; all must be named, and a fit must go through."""
    from pictures import write_broken, write_good

    with work_folder("pictures") as folder:
        pictures_folder = folder / "pictures"
        write_good(pictures_folder, good, side=32)
        written = write_broken(pictures_folder, broken, side=32)
        cache = folder / "cache"
        seen = json.loads(must(tfgen("data", pictures_folder, "--json", TFGEN_CACHE=cache)).stdout)
        fitted = tfgen("fit", "gan", pictures_folder, "--steps", 20, "--size", "tiny", "-o", folder / "run",
                       TFGEN_CACHE=cache)
    named = dict(seen["broken"])
    per_sort = Counter(written.values())
    named_of_sort = Counter(sort for name, sort in written.items() if named.get(name))
    reasons = {sort: next((named[name] for name in written if written[name] == sort and name in named), "-")
               for sort in per_sort}
    show_table(["sort", "broken", "named", "reason, for example"],
               [(sort, count, named_of_sort[sort], reasons[sort]) for sort, count in per_sort.items()])
    wrongly = sum(name not in written for name in named)
    print(f"{named_of_sort.total()} of {broken} broken pictures named, {wrongly} good ones accused, "
          f"{seen['used']} of {good} used; the fit ended with {fitted.returncode}.\n")
    return named.keys() == written.keys() and seen["used"] == good and fitted.returncode == 0


if __name__ == "__main__":
    main()
