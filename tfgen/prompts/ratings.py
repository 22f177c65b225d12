"""What people said of a prompt's samples, from the store: the mean rating, and of thumbs the share that are up."""

from typing import Any

import numpy as np

from tfgen.feedback.events import run_digest
from tfgen.feedback.store import Store
from tfgen.prompts.cells import Drawn
from tfgen.prompts.judges import Measure
from tfgen.run import Run


def measures_of(store: Store, run: Run) -> dict[str, Measure]:
    """"rating" (1 to 5) and "thumbs" (0 to 1): the same for every sample of a prompt, since people saw other seeds."""
    said = said_of(store, run)

    def measure(kind: str) -> Any:
        def function(drawn: Drawn) -> np.ndarray:
            values = said.get((kind, drawn.cell.prompt), [])
            return np.full(len(drawn), np.mean(values) if values else np.nan)

        return function

    return {
        "rating": Measure(measure("rating"), "people's ratings, 1 to 5", 1),
        "thumbs": Measure(measure("thumb"), "the share of thumbs that are up", 1),
    }


def said_of(store: Store, run: Run) -> dict[tuple[str, str], list[float]]:
    """What was said of the run's samples by kind and prompt, of these weights whatever the version."""
    events = store.events(digest=run_digest(run), kinds=("rating", "thumb"))
    samples = store.samples({event.shown[0] for event in events})
    said: dict[tuple[str, str], list[float]] = {}
    for event in events:
        value = float(event.payload["value"])
        about = event.kind, samples[event.shown[0]].prompt
        said.setdefault(about, []).append(value if event.kind == "rating" else (value + 1) / 2)
    return said
