"""Files become examples: `open_data` reads what the user typed and says what it found.

Knows nothing about models. Nothing here imports TensorFlow but `tfds:` sources.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfgen.data.examples import Examples

DEFAULT = "digits"


def open_data(
    source: str | None,
    *,
    size: str | None = None,
    channels: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Examples:
    """The examples behind a folder, a file, `tfds:NAME` or the name of an embedded set; None means `digits`.

    `size` is "64" (square) or "48x96" (height x width); `channels` is 1 (grey) or 3 (colour); both are found from the
    data when None. `progress(done, total)` is called while examples are being prepared.
    """
    from tfgen.data.request import Request
    from tfgen.data.sources import opener_of

    request = Request.parse(DEFAULT if source is None else str(source), size, channels, progress)
    return opener_of(request.source)(request)
