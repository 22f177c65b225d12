"""When and with whom a request runs.

Requests wait in one queue per servable, signature and shape. A thread that is free takes the oldest request and, from
the same queue, as many others as fit into a batch. While a batch runs, the next one of its queue gathers, until it is
full: so alone on the server a request waits for nobody, and the busier the server, the larger the batches. (If any free
thread took what is there, two threads would share 32 clients in batches of two.) What waits is bounded; beyond that a
request is refused at once.
"""

import threading
import time
from collections import OrderedDict, deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from grpc import StatusCode

from tfgen.serve.manager import Handle
from tfgen.serve.metrics import Metrics
from tfgen.serve.servable import Servable
from tfgen.serve.signature import Signature
from tfgen.serve.status import ServingError, invalid, of_tensorflow
from tfgen.serve.text_protos import BatchingOptions

Arrays = dict[str, np.ndarray]
MOST_ROWS = 1024  # of one request, merged or not: more would take the memory of the whole machine
MOST_WAITING = 192  # requests; each that came by gRPC holds a thread
MOST_AT_ONCE = MOST_WAITING + 64  # by either way in: those that are read, run or answered have a place too


@dataclass(eq=False)
class Task:
    """A request that waits for its turn."""

    handle: Handle
    signature: Signature
    inputs: Arrays
    rows: int | None  # None where it has to run alone
    done: Future = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)


@dataclass(eq=False)
class Queue:
    """Tasks that may run together, oldest first."""

    tasks: deque[Task] = field(default_factory=deque)
    rows: int = 0
    running: int = 0  # batches


class Runner:
    """Runs requests on a few threads of its own."""

    def __init__(self, options: BatchingOptions, merge: bool, metrics: Metrics):
        self._options = options
        self._merge = merge
        self._metrics = metrics
        # TensorFlow Serving doesn't split a request either, so a client that sends more must learn it here.
        self._most_rows = min(options.max_batch_size, MOST_ROWS) if merge else MOST_ROWS
        batches = options.max_enqueued_batches * (options.max_batch_size if merge else 1)
        self._most_waiting = min(batches, MOST_WAITING)
        self._changed = threading.Condition()  # for everything below
        self._queues: OrderedDict[Any, Queue] = OrderedDict()
        self._waiting = 0
        self._closed = False
        self._alone: set[tuple] = set()  # signatures whose outputs turned out not to go by rows
        metrics.waiting.set_function(lambda: self._waiting)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(options.num_batch_threads)]
        for thread in self._threads:
            thread.start()

    def check_room(self) -> None:
        """Refuses a request before any work is done for it.

        Raises:
            ServingError: as many requests wait as may.
        """
        if self._waiting >= self._most_waiting:
            message = "The batch scheduling queue to which this task was submitted is full"
            raise ServingError(StatusCode.RESOURCE_EXHAUSTED, message)

    def submit(self, handle: Handle, signature: Signature, inputs: Arrays) -> Future:
        """The outputs for some inputs, to come; cancel it where nobody waits any more. Releases the handle in any case.

        Raises:
            ServingError: the queue is full, or there are too many rows.
        """
        try:
            task = Task(handle, signature, inputs, self._rows(handle.servable, signature, inputs))
            with self._changed:
                self.check_room()
                self._enqueue(task)
        except ServingError:
            handle.release()
            raise
        task.done.add_done_callback(lambda _: handle.release())
        return task.done

    def close(self) -> None:
        """Ends the threads, after what they are at."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _rows(self, servable: Servable, signature: Signature, inputs: Arrays) -> int | None:
        if self._merge:  # TensorFlow Serving refuses them then, too
            signature.check_rows(inputs)
        rows = signature.rows(inputs)
        if rows is not None and rows > self._most_rows:
            raise invalid(f"Task size {rows} is larger than maximum input batch size {self._most_rows}")
        return None if _identity(servable, signature) in self._alone else rows

    def _enqueue(self, task: Task) -> None:
        key = _key(task) if self._merge and task.rows else task
        queue = self._queues.setdefault(key, Queue())
        queue.tasks.append(task)
        queue.rows += task.rows or 1
        self._waiting += 1
        self._changed.notify()

    # On a thread.

    def _work(self) -> None:
        while work := self._next_batch():
            key, batch = work
            running = [task for task in batch if task.done.set_running_or_notify_cancel()]
            outcomes = self._execute(running) if running else []
            self._put_back(key)  # before the answers go out: the next batch need not wait for that
            for task, outcome in zip(running, outcomes, strict=True):
                if isinstance(outcome, ServingError):
                    task.done.set_exception(outcome)
                else:
                    task.done.set_result(outcome)

    def _next_batch(self) -> tuple[Any, list[Task]] | None:
        """Waits for tasks to run, and the key of their queue; None when there will be no more."""
        with self._changed:
            while True:
                patience = None
                for key, queue in self._queues.items():
                    left = self._patience(queue)
                    if left is not None and left <= 0:
                        return key, self._take(key, queue)
                    if left is not None:
                        patience = min(left, patience or left)
                if self._closed and not self._waiting:
                    return None
                self._changed.wait(patience)

    def _patience(self, queue: Queue) -> float | None:
        """For how many more seconds a queue should gather; None for until something changes."""
        if not queue.tasks:
            return None
        if queue.rows >= self._options.max_batch_size or not queue.tasks[0].rows:
            return 0
        if queue.running:
            return None
        if not self._options.batch_timeout_micros or self._closed:
            return 0
        return queue.tasks[0].since + self._options.batch_timeout_micros / 1e6 - time.monotonic()

    def _take(self, key: Any, queue: Queue) -> list[Task]:
        """As many tasks of a queue as fit into a batch; what is left comes after the other queues."""
        batch, rows = [], 0
        while queue.tasks:
            size = queue.tasks[0].rows or 1
            if batch and (not self._merge or rows + size > self._options.max_batch_size):
                break
            batch.append(queue.tasks.popleft())
            rows += size
        queue.rows -= rows
        queue.running += 1
        self._waiting -= len(batch)
        self._queues.move_to_end(key)
        if queue.tasks:
            self._changed.notify()
        return batch

    def _put_back(self, key: Any) -> None:
        """A batch has run: its queue's next one may."""
        with self._changed:
            queue = self._queues[key]
            queue.running -= 1
            if queue.tasks:
                self._changed.notify()
            elif not queue.running:
                del self._queues[key]

    def _execute(self, batch: list[Task]) -> list[Arrays | ServingError]:
        """The outcome of each task. Where a batch fails, each runs alone, so that only the guilty one is refused."""
        self._metrics.batch_rows.observe(sum(task.rows or 1 for task in batch))
        try:
            return self._run_together(batch)
        except ServingError as error:
            if len(batch) == 1:
                return [error]
        except Exception as error:  # a defect, but the others' requests must go on
            if len(batch) == 1:
                return [of_tensorflow(error)]
        return [outcome for task in batch for outcome in self._execute([task])]

    def _run_together(self, batch: list[Task]) -> list[Arrays]:
        first = batch[0]
        run = partial(first.handle.servable.run, first.signature)
        if not self._merge or not first.rows:
            return [run(task.inputs) for task in batch]
        sizes = [task.rows for task in batch]
        rows = self._allowed(sum(sizes))
        inputs = {name: _concatenated([task.inputs[name] for task in batch]) for name in first.inputs}
        outputs = run(_padded(inputs, rows))
        if any(array.ndim == 0 or len(array) != rows for array in outputs.values()):
            self._alone.add(_identity(first.handle.servable, first.signature))
            return [run(task.inputs) for task in batch]
        return _split(outputs, sizes)

    def _allowed(self, size: int) -> int:
        """The smallest allowed batch size that holds `size` rows."""
        return next((allowed for allowed in self._options.allowed_batch_sizes if allowed >= size), size)


def _identity(servable: Servable, signature: Signature) -> tuple:
    return servable.name, servable.version, signature.name


def _key(task: Task) -> tuple:
    shapes = tuple(array.shape[1:] for array in task.inputs.values())
    return id(task.handle.servable), task.signature.name, shapes


def _concatenated(arrays: list[np.ndarray]) -> np.ndarray:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)


def _padded(inputs: Arrays, size: int) -> Arrays:
    """Inputs filled up to `size` rows with their first, which is as valid as any."""
    return {
        name: array if len(array) >= size else np.concatenate([array, *[array[:1]] * (size - len(array))])
        for name, array in inputs.items()
    }


def _split(outputs: Arrays, sizes: list[int]) -> list[Arrays]:
    """The outputs of a batch, cut into those of its tasks; what it was filled up with belongs to none."""
    ends = np.cumsum(sizes).tolist()
    return [{name: array[end - size : end] for name, array in outputs.items()} for end, size in zip(ends, sizes)]
