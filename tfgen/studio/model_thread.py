"""The one thread in which TensorFlow works, for everybody in turn; models stay loaded between requests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tfgen.environment import load_tensorflow
from tfgen.errors import Failure
from tfgen.restore import keeping_models

MODELS = 4  # that stay loaded
_MOST_WAITING = 500  # requests


class ModelThread:
    """Work that takes turns: of what comes in pieces, others may come between two of them."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, "models")
        self._waiting = 0
        self._kept = contextlib.ExitStack()
        self._kept.enter_context(keeping_models(MODELS))

    def start(self) -> None:
        """Loads TensorFlow, so that the first request need not wait for all of it."""
        self._executor.submit(load_tensorflow)

    async def do(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What a function gives, called in its turn. Raises Failure where too many wait."""
        if self._waiting >= _MOST_WAITING:
            raise Failure("Too many people are at work.", "Try again in a moment.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        finally:
            self._waiting -= 1

    async def pieces(self, iterator: Iterator[Any]) -> AsyncIterator[Any]:
        """What an iterator gives, each piece made in its turn."""
        nothing = object()
        while (piece := await self.do(next, iterator, nothing)) is not nothing:
            yield piece

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._kept.close()
