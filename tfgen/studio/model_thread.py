"""The one thread in which TensorFlow works, for everybody in turn; models stay loaded between requests."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from typing import Any

from tfgen.checkpoints import newest_name
from tfgen.environment import load_tensorflow
from tfgen.errors import Failure
from tfgen.restore import keeping_models

MODELS = 4  # that stay loaded
_MOST_WAITING = 500  # requests
_LOOKS = 5  # at a run that is being trained, before it is given up


class ModelThread:
    """Work that takes turns: of what comes in pieces, others may come between two of them.

    Not an executor of Python's, which would keep the process from ending before the last of its work is done.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Future, Callable[..., Any], tuple[Any, ...]]] = queue.SimpleQueue()
        self._waiting = 0
        threading.Thread(target=self._run, name="models", daemon=True).start()

    def _run(self) -> None:
        with keeping_models(MODELS):
            while True:
                future, function, arguments = self._work.get()
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    future.set_result(function(*arguments))
                except BaseException as error:
                    future.set_exception(error)

    def start(self) -> None:
        """Loads TensorFlow, so that the first request need not wait for all of it."""
        self._work.put((Future(), load_tensorflow, ()))

    async def do(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function gives, called in its turn. Raises Failure where too many wait."""
        if self._waiting >= _MOST_WAITING:
            raise Failure("Too many people are at work.", "Try again in a moment.")
        future: Future = Future()
        self._waiting += 1
        self._work.put((future, function, arguments))
        try:
            return await asyncio.wrap_future(future)
        finally:
            self._waiting -= 1

    async def pieces(self, iterator: Iterator[Any]) -> AsyncIterator[Any]:
        """What an iterator gives, each piece made in its turn."""
        nothing = object()
        while (piece := await self.do(next, iterator, nothing)) is not nothing:
            yield piece


def steadily(run: Any, make: Callable[[], Any]) -> Any:
    """What `make` gives of a run that may be at work: made anew where new weights came meanwhile, since a sample is
    named by the weights that made it.

    Raises:
        Failure: they come too fast.
    """
    for _ in range(_LOOKS):
        before = newest_name(run.checkpoints)
        made = make()
        if newest_name(run.checkpoints) == before:
            return made
    raise Failure(f"'{run.name}' is being trained, and changes too fast.", "Wait until it is done.")
