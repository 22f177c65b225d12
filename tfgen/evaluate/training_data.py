"""The data behind a run, as it was when the run learned it."""

from typing import Any

from tfgen.catalog import MODALITIES
from tfgen.console import Preparation
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.restore import open_codec
from tfgen.run import Run


def open_training(run: Run) -> Any:
    """The examples that a run learned. Raises UserError where they aren't where they were, or have changed."""
    codec = open_codec(run)
    representation = codec.representation
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
    return examples.under(codec) if "privacy" in run.record else examples


def open_showing(source: str, settings: dict[str, Any], representation: str) -> Any:
    """Examples; says now and then how far they are."""
    return open_data(source, representation=representation, **settings, progress=Preparation().show)


def open_held_out(run: Run, training: Any, source: str) -> Any:
    """The examples of other data under the settings that compare with those that a run learned.

    Raises:
        UserError: they can't be read, are of another kind, or are those that it learned.
    """
    if source in (training.source, run.record["data"]["path"]):
        raise learned_already(source)
    examples = open_like(run, training, source)
    if examples.fingerprint == training.fingerprint:
        raise learned_already(source)
    return examples


def open_like(run: Run, training: Any, source: str) -> Any:
    """The examples of any data under the settings that compare with those of `training`, of a run's kind of data.

    Raises:
        UserError: they can't be read, or are of another kind.
    """
    modality = MODALITIES.load(training.modality)
    settings = modality.held_out_settings(training, run.data_settings(), run.path)
    examples = open_showing(source, settings, training.representation)
    if examples.modality != training.modality:
        found = MODALITIES.load(examples.modality).plural
        raise UserError(
            f"'{source}' is {found}, and the run learned {modality.plural}.",
            "Name data of the same kind as the training data.",
        )
    return examples


def learned_already(source: str) -> UserError:
    """What is said where held-out data is the training data."""
    return UserError(f"'{source}' is the data that the run learned.", "Held-out data must be other examples.")
