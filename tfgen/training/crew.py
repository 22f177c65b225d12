"""The devices and processes that train one model together, by tf.distribute.

One process is the chief and does all that a fit does. The others follow it: they are sent its run, its state and what
steps come next, take them with it, each with its part of every batch, and write nothing. As an example's place in a
batch and all that is random are functions of the seed and the step, a fit may go on with any number of them.
"""

import contextlib
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgen import checkpoints
from tfgen.console import say, several
from tfgen.errors import Failure, UserError
from tfgen.representations.base import WHOLE, Share
from tfgen.run import Run

# What TensorFlow raises where a process that it talks to is gone.
_LOST = (
    tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError, tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)  # fmt: skip
_CHUNK = 2**26  # bytes that are sent at once


class Crew:
    """All replicas of a fit's model, and the processes that hold them; by default one of each.

    leads: whether this process is the chief. workers: how many processes there are. joules: tells what this one has
    spent so far; elsewhere: what all others had, when they were last heard of.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None):
        self.strategy = strategy
        self.leads, self.workers = _place_of(strategy)
        self._sum = tf.function(self._summed, autograph=False)
        self._wants_to_stop = self._is_in_step = False
        self.joules: Callable[[], float] = lambda: 0.0
        self.elsewhere = 0.0

    @property
    def replicas(self) -> int:
        return 1 if self.strategy is None else self.strategy.num_replicas_in_sync

    def scope(self) -> contextlib.AbstractContextManager:
        """In which the model is made."""
        return contextlib.nullcontext() if self.strategy is None else self.strategy.scope()

    def batches(self, batches_of: Callable[[Share], tf.data.Dataset]) -> Any:
        """What `fit` takes: for every replica its part of each batch."""
        if self.strategy is None:
            return batches_of(WHOLE)

        def of_process(context: tf.distribute.InputContext) -> tf.data.Dataset:
            own = self.replicas // context.num_input_pipelines
            return batches_of(Share(self.replicas, own * context.input_pipeline_id, own))

        return self.strategy.distribute_datasets_from_function(of_process)

    # What the chief tells the others.

    def send_run(self, run: Run) -> None:
        """Gives all others the run, without its checkpoints. Raises UserError where one of them can't go on with it."""
        if self.workers == 1:
            return
        self._send(_packed({path.name: path.read_bytes() for path in run.path.iterdir() if path.is_file()}))
        missing = self.workers - self.count_ready(True)
        if missing:
            raise UserError(f"{several(missing, 'other worker')} could not begin.", "What they say themselves is why.")

    def send_steps(self, run: Run, model: Any, start: int, stop: int) -> None:
        """Has all others take the steps `start` to `stop - 1`, from the model's present state, until one of them
        stops."""
        if self.leads and self.workers > 1:
            self._send(json.dumps({"record": run.record, "start": start, "stop": stop}).encode())
            self._send(checkpoints.pack(checkpoints.capture(model.state()))[0])

    @contextlib.contextmanager
    def leading(self) -> Iterator[None]:
        """At the end of the block, however it ends, the others hear that there is nothing more to do; but not in the
        middle of a step, in which they wait for something else.

        Raises:
            Failure: one of them is gone.
        """
        with self.explaining():
            try:
                yield
            except BaseException as error:
                if not isinstance(error, _LOST):
                    self._dismiss()
                raise
            self._dismiss()

    @contextlib.contextmanager
    def in_step(self) -> Iterator[None]:
        """The block takes steps with all others."""
        self._is_in_step = True
        yield
        self._is_in_step = False

    @contextlib.contextmanager
    def explaining(self) -> Iterator[None]:
        """Raises Failure where the block fails because another process is gone."""
        try:
            yield
        except _LOST as error:
            if self.workers == 1:
                raise
            raise Failure(
                "Another worker can't be reached any more.",
                "Start all of them again, the chief with --resume: it goes on from its last checkpoint.",
            ) from error

    def _dismiss(self) -> None:
        if self.workers > 1 and not self._is_in_step:
            with contextlib.suppress(*_LOST):  # who is gone has nothing more to do
                self._send(b"")

    # What the others hear.

    def receive_run(self) -> Mapping[str, bytes]:
        """The files of the run. Raises UserError where the chief has none."""
        content = self._receive()
        if not content:
            raise UserError("The chief could not begin.", "What it says itself is why.")
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def receive_steps(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]] | None:
        """The run's record and the steps to take as "record", "start" and "stop", and the state to begin with; None
        where there is nothing more to do."""
        order = self._receive()
        if not order:
            return None
        with np.load(io.BytesIO(self._receive()), allow_pickle=False) as stored:
            return json.loads(order), {name: stored[name] for name in stored.files}

    # What all of them say to each other.

    def count_ready(self, ready: bool) -> int:
        """How many can go on; all must ask."""
        return int(self._sum(tf.constant([int(ready)], tf.int32))[0])

    def callbacks(self) -> Sequence[keras.callbacks.Callback]:
        """What keeps the processes in step, for the end of the list of callbacks."""
        return [_InStep(self)] if self.workers > 1 else []

    def stop(self, *_: Any) -> None:
        """Has all of them stop after this step; a signal handler."""
        self._wants_to_stop = True

    def agree(self, stop: bool, horizon: int) -> tuple[bool, int]:
        """Whether any of them stops, and the chief's horizon; all must ask after every step."""
        joules = self.joules()
        own = [float(stop or self._wants_to_stop), horizon if self.leads else 0, joules]
        stops, horizon, spent = self._sum(tf.constant(own, tf.float64)).numpy()
        self.elsewhere = max(0.0, float(spent) - joules)
        return bool(stops), int(horizon)

    def _send(self, content: bytes | memoryview) -> None:
        self._sum(tf.constant([len(content)], tf.float64))
        for start in range(0, len(content), _CHUNK):
            chunk = bytes(content[start : start + _CHUNK])
            self._sum(tf.constant(np.frombuffer(chunk + bytes(-len(chunk) % 4), np.int32)))

    def _receive(self) -> bytes:
        length, chunks = int(self._sum(tf.constant([0.0], tf.float64))[0]), []
        for start in range(0, length, _CHUNK):
            size = min(_CHUNK, length - start)
            chunks.append(self._sum(tf.zeros([-(-size // 4)], tf.int32)).numpy().tobytes()[:size])
        return b"".join(chunks)

    def _summed(self, values: tf.Tensor) -> tf.Tensor:
        """The sum over the processes of what each has of numbers [n]."""

        def of_replica(values: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            own = self.replicas // self.workers
            is_first = context.replica_id_in_sync_group % own == 0  # of its process
            return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.where(is_first, values, tf.zeros_like(values)))

        return self.strategy.experimental_local_results(self.strategy.run(of_replica, args=(values,)))[0]


class _InStep(keras.callbacks.Callback):
    """After every step, hears whether others stop, and how many steps the chief has planned by now."""

    def __init__(self, crew: Crew):
        super().__init__()
        self.crew = crew

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        horizon = int(self.model.horizon.numpy())
        stops, planned = self.crew.agree(self.model.stop_training, horizon)
        if stops:
            self.model.stop_training = True
        if planned != horizon:
            self.model.horizon.assign(planned)


def open_crew(name: str | None) -> Crew:
    """The crew by a strategy's name: "mirrored" for the devices of this machine, "multiworker" for the processes that
    TF_CONFIG names, "tpu", or "auto" for whichever of them there is; None for one device.

    Raises:
        UserError: there is no such crew here.
    """
    if name == "auto":
        name = _found()
        if name is None:
            say("There is one device and no cluster, so the fit has no strategy.")
    return Crew(None if name is None else _OPEN[name]())


def _found() -> str | None:
    if len(_tasks()) > 1:
        return "multiworker"
    if "TPU_NAME" in os.environ:
        return "tpu"
    return "mirrored" if len(tf.config.list_logical_devices("GPU")) > 1 else None


def _open_mirrored() -> tf.distribute.Strategy:
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        raise UserError("There is one device on this machine.", "Leave --strategy out, or use multiworker.")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def _open_multiworker() -> tf.distribute.Strategy:
    if len(_tasks()) < 2:
        raise UserError(
            "TF_CONFIG names no other worker.",
            "Set it for each as docs/distributed.md says, or leave --strategy out.",
        )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:  # TensorFlow has begun its work already
        raise UserError(
            "Workers must be told of each other before TensorFlow does anything else.",
            "Call fit first in a fresh process.",
        ) from error
    except (ValueError, *_LOST) as error:
        raise UserError(f"TensorFlow can't use TF_CONFIG: {error}", "See docs/distributed.md.") from error


def _open_tpu() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(os.environ.get("TPU_NAME", ""))
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, tf.errors.OpError) as error:
        raise UserError("There is no TPU here.", "Set TPU_NAME, or leave --strategy out.") from error
    return tf.distribute.TPUStrategy(resolver)


_OPEN = {"mirrored": _open_mirrored, "multiworker": _open_multiworker, "tpu": _open_tpu}


def _tasks() -> list[tuple[str, int]]:
    """The processes that TF_CONFIG names, the chief first. Raises UserError where it makes no sense."""
    content = os.environ.get("TF_CONFIG", "")
    if not content:
        return []
    try:
        configuration = json.loads(content)
        cluster = configuration.get("cluster", {})
        others = set(cluster) - {"chief", "worker"}
        tasks = [(kind, place) for kind in ("chief", "worker") for place in range(len(cluster.get(kind, ())))]
        own = (configuration["task"]["type"], int(configuration["task"]["index"])) if cluster else None
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        advice = "It is JSON with a cluster and a task: docs/distributed.md."
        raise UserError("TF_CONFIG can't be read.", advice) from error
    if others:
        raise UserError(f"TF_CONFIG names a {sorted(others)[0]}, which a fit has no use for.", "Leave it out.")
    if cluster and own not in tasks:
        raise UserError(f"TF_CONFIG's task {own[0]} {own[1]} is not in its cluster.", "Give each worker its own task.")
    return tasks


def _place_of(strategy: tf.distribute.Strategy | None) -> tuple[bool, int]:
    """Whether this process is the chief, and how many there are."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return True, 1
    task, tasks = json.loads(os.environ["TF_CONFIG"])["task"], _tasks()
    return (task["type"], int(task["index"])) == tasks[0], len(tasks)


def _packed(parts: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return content.getvalue()
