"""Work on many numbers at once, by Apache Beam: on this machine's processors, or a cluster's."""

import contextlib
import logging
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tfgen.console import harmless
from tfgen.errors import Failure, UserError, unknown

_STEP = "Work"


@contextlib.contextmanager
def _quiet(on: bool = True) -> Iterator[None]:
    """Where nobody has set up logging, keeps Beam from doing so and from talking while the block runs."""
    handler = logging.NullHandler()
    if on:
        logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)


@dataclass(frozen=True)
class Cluster:
    """Where work is done.

    runner: as Beam calls it, such as FlinkRunner, SparkRunner or DataflowRunner; None for this machine, with a process
        on each processor.
    options: of the runner's, "name=value", or "name" for one that is on or off.
    """

    runner: str | None = None
    options: Sequence[str] = ()

    @property
    def is_local(self) -> bool:
        return self.runner is None

    def check(self) -> None:
        """Raises UserError where Beam isn't installed, or knows no such runner or option."""
        self._open(1)

    def run(self, work: Callable[[int, Any, int | None], None], subject: Any, numbers: Sequence[int]) -> None:
        """Calls `work(number, subject, parent)` for each number, on some worker; all of it is pickled.

        `parent` is the id of this process where workers are processes of this machine, else None.

        Raises:
            Failure: a call failed, also when it was tried again where the runner does that.
        """
        runner, options = self._open(len(numbers))
        import apache_beam as beam

        try:
            with _quiet(self.is_local), beam.Pipeline(runner=runner, options=options) as pipeline:
                spread = pipeline | "Numbers" >> beam.Create(numbers) | "Spread" >> beam.Reshuffle()
                spread | _STEP >> beam.Map(work, subject, os.getpid() if self.is_local else None)
        except Exception as error:  # whatever went wrong on a worker comes as a text, with its traceback
            what = f"The runner failed: {_reason(error)}"
            raise Failure(what, "What is done stays; the same command goes on.") from error

    @_quiet()
    def _open(self, most: int) -> tuple[Any, Any]:
        """Beam's runner and options for so many calls."""
        try:
            from apache_beam.options.pipeline_options import PipelineOptions
            from apache_beam.runners.runner import create_runner
        except ImportError as error:
            what = "Work in shards needs Apache Beam, which isn't installed."
            raise UserError(what, 'Use: pip install "tfgen[beam]"') from error
        usual = [f"direct_num_workers={min(_processors(), most)}"] if self.is_local else []
        options = PipelineOptions([f"--{option}" for option in (*usual, *self.options)])
        known = options.get_all_options()
        for name in (option.partition("=")[0] for option in self.options):
            if self.is_local and name not in known:  # what others take, they know themselves
                raise unknown("option of runners", name, known)
        try:
            return (_local_runner() if self.is_local else create_runner(self.runner)), options
        except (ValueError, ImportError, AttributeError) as error:
            reason = harmless(str(error).split("\n")[0]).rstrip(".")
            what = f"The runner '{self.runner}' can't be used: {reason}."
            raise UserError(what, "Name one that Beam knows, such as FlinkRunner.") from error


def _local_runner() -> Any:
    """Beam's runner in Python, with workers that are processes: TensorFlow's Python side keeps one processor busy.

    Beam's own choice for one machine, DirectRunner, would fetch a program from the net, and work in one process.
    """
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from apache_beam.transforms.environments import SubprocessSDKEnvironment

    # What goes wrong comes over the wire; what workers say of their own coming and going is for nobody. -P, since
    # a folder here that has a package's name, such as a checkout of tfgen, would be taken for it.
    command = f"{shlex.quote(sys.executable)} -P -m apache_beam.runners.worker.sdk_worker_main 2>{os.devnull}"
    return FnApiRunner(default_environment=SubprocessSDKEnvironment.from_command_string(command))


def _processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _reason(error: Exception) -> str:
    """The sentence of tfgen's own error, which may be in a worker's traceback; of others the kind and the last line."""
    lines = [line.replace(f" [while running '{_STEP}']", "").strip() for line in str(error).splitlines()]
    if isinstance(error, UserError):
        return harmless(lines[0])
    own = [line.partition(": ")[2] for line in lines if line.startswith("tfgen.errors.")]
    last = [line for line in lines if line] or ["no reason given"]
    return harmless(own[0] if own else f"{type(error).__name__}: {last[-1].rstrip('.')}.")
