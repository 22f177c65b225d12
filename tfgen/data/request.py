"""What the user asked of the data: which source, read as what, with which settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class DataRequest:
    """A source on its way to its modality, which has checked the settings.

    source: a path, a name, or data in memory.
    representation: "arrays" or "sequences", one that the modality has a codec for.
    settings: those that were given, by name; what isn't there is to be found from the data.
    labels: of data in memory, one for each example.
    progress: called with (done, total) while examples are being prepared.
    shown: the source as it was named, where that is another path: an archive's.
    """

    source: Any
    representation: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    labels: Any = None
    progress: Progress | None = None
    shown: str | None = None

    @property
    def shown_source(self) -> str:
        """The source as a run and messages name it."""
        return self.shown or self.source if isinstance(self.source, str) else f"<{type(self.source).__name__}>"

    def get(self, name: str, default: Any = None) -> Any:
        """A setting, or what stands in for one that wasn't given."""
        return self.settings.get(name, default)

    def report_progress(self, done: int, total: int) -> None:
        """Tells whoever asked to be told; nobody may have."""
        if self.progress is not None:
            self.progress(done, total)
