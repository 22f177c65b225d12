"""What a data set that comes with the package says of itself, before it is read."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfgen.data.request import DataRequest


@dataclass(frozen=True)
class EmbeddedSet:
    """One entry of tfgen.catalog.DATASETS."""

    modality: str
    open: Callable[[DataRequest], Any]
    licence: str = ""

    def __call__(self, request: DataRequest) -> Any:
        """The examples."""
        return self.open(request)
