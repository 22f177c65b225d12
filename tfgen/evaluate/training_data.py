"""The data behind a run, as it was when the run learned it."""

from typing import Any

from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.run import Run
from tfgen.console import Preparation


def open_training(run: Run) -> Any:
    """The examples that a run learned. Raises UserError where they aren't where they were, or have changed."""
    stored = run.record["data"]
    try:
        examples = open_showing(stored["path"] or stored["source"], run.data_settings())
    except UserError as error:
        raise UserError(
            f"The data that '{run.name}' learned can't be read: {error.what_is_wrong}",
            "Put it back where it was: scores compare samples with it.",
        ) from error
    if examples.fingerprint != stored["fingerprint"]:
        raise UserError(
            f"The data has changed since '{run.name}' learned it.", "Put it back as it was, or fit a new run."
        )
    return examples


def open_showing(source: str, settings: dict[str, Any]) -> Any:
    """Examples; says now and then how far they are."""
    return open_data(source, **settings, progress=Preparation().show)


def learned_already(source: str) -> UserError:
    """What is said where held-out data is the training data."""
    return UserError(f"'{source}' is the data that the run learned.", "Held-out data must be other examples.")
