"""The data behind a run, as it was when the run learned it."""

from typing import Any

from tfgen.console import Preparation
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.restore import open_codec
from tfgen.run import Run


def open_training(run: Run) -> Any:
    """The examples that a run learned. Raises UserError where they aren't where they were, or have changed."""
    representation = open_codec(run).representation
    try:
        examples = open_showing(run.data_source(), run.data_settings(), representation)
    except UserError as error:
        raise UserError(
            f"The data that '{run.name}' learned can't be read: {error.what_is_wrong}",
            "Put it back where it was: scores compare samples with it.",
        ) from error
    if examples.fingerprint != run.record["data"]["fingerprint"]:
        raise UserError(
            f"The data has changed since '{run.name}' learned it.", "Put it back as it was, or fit a new run."
        )
    return examples


def open_showing(source: str, settings: dict[str, Any], representation: str) -> Any:
    """Examples; says now and then how far they are."""
    return open_data(source, representation=representation, **settings, progress=Preparation().show)


def learned_already(source: str) -> UserError:
    """What is said where held-out data is the training data."""
    return UserError(f"'{source}' is the data that the run learned.", "Held-out data must be other examples.")
