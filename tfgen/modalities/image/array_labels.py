"""The labels beside an array of pictures as prompts: names, whole numbers, one-hot rows, or rows of several.

What could be meant in another way is never taken without a word.
"""

from typing import Any

import numpy as np

from tfgen.data.examples import LABEL_EXAMPLES, MOST_LABELS, Prompts, clean_text
from tfgen.errors import UserError


def prompts_of_labels(
    path: str, labels: np.ndarray | None, names: np.ndarray | None, count: int
) -> tuple[Prompts, list[str]]:
    """The prompts of `count` pictures, and what to say about them; `path` is what messages call their source.

    names: of the labels 0, 1, ..., or of the columns of rows.

    Raises:
        UserError: the labels don't belong to so many pictures, or the names not to the labels.
    """
    if labels is None:
        return Prompts.none(count), []
    labels = _plain(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim == 2 and len(labels) == count and labels.dtype.kind in "biuf":
        if not np.isin(labels, (0, 1)).all():
            return Prompts.none(count), [_not_used(f"rows of {labels.shape[1]} values, not of 0 and 1")]
        if (labels.sum(axis=1) != 1).any():
            return _captions_of_rows(labels, names)
        labels = labels.argmax(axis=1)  # one-hot
    if labels.shape != (count,):
        raise UserError(
            f"{path} holds labels of shape {labels.shape} for {count} pictures.", "Save one label for each picture."
        )
    if labels.dtype.kind in "US":
        return Prompts.of_texts(text_of(label) for label in labels), []
    if labels.dtype.kind not in "biuf" or not _are_whole(labels):
        return Prompts.none(count), [_not_used(f"{labels.dtype}, neither whole numbers nor text")]
    labels = labels.astype(np.int64)
    if names is None:
        return _of_numbers(labels)
    if labels.min() < 0 or labels.max() >= len(names):
        raise UserError(
            f"{path} names {len(names)} labels, but its labels run from {labels.min()} to {labels.max()}.",
            "Save a name for each label.",
        )
    return Prompts.of_labels([text_of(name) for name in names], labels), []


def text_of(value: Any) -> str:
    """A label or a name as a prompt; nothing for what is missing."""
    if _is_missing(value):
        return ""
    return clean_text(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def _plain(labels: np.ndarray) -> np.ndarray:
    """Objects, such as the strings of a data frame, as an array of text where they are text."""
    labels = np.asarray(labels)
    if labels.dtype.kind == "O" and all(isinstance(each, (str, bytes)) or _is_missing(each) for each in labels.flat):
        return np.array([text_of(each) for each in labels.flat], np.str_).reshape(labels.shape)
    return labels


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # NaN, which a table has where a name is missing


def _are_whole(labels: np.ndarray) -> bool:
    return bool(np.isfinite(labels).all() and np.array_equal(labels, np.rint(labels)))


def _of_numbers(labels: np.ndarray) -> tuple[Prompts, list[str]]:
    """Whole numbers without names: labels, but where hardly any comes twice, a quantity."""
    prompts = Prompts.of_texts((str(label) for label in labels), kind="labels")
    different = len(prompts.distinct)
    seldom = len(labels) < LABEL_EXAMPLES * different
    if seldom and different > MOST_LABELS:
        what = f"{different} different whole numbers for {len(labels)} pictures, a quantity rather than labels"
        return Prompts.none(len(labels)), [_not_used(what)]
    if seldom or different > MOST_LABELS:
        note = f"The labels are {different} different whole numbers, and each is taken as a label of its own."
        return prompts, [f"{note} If they are a quantity, save ranges as text instead, such as '0 to 99'."]
    return prompts, []


def _not_used(what: str) -> str:
    return f"The labels are {what}: not used. To steer by them, save a text for each picture, such as '0 to 99'."


def _captions_of_rows(labels: np.ndarray, names: np.ndarray | None) -> tuple[Prompts, list[str]]:
    """Rows of 0 and 1 with any number of ones: captions of what the columns stand for."""
    words = [str(place) for place in range(labels.shape[1])] if names is None else [text_of(name) for name in names]
    if len(words) != labels.shape[1]:
        raise UserError(
            f"There are {len(words)} names for rows of {labels.shape[1]} labels.", "Save a name for each column."
        )
    texts = [", ".join(words[place] for place in np.flatnonzero(row)) for row in labels]
    note = "Some rows of the labels have several ones or none, so each row became a caption that lists its labels"
    note += "." if names is not None else " by number; to name them, save label_names."
    return Prompts.of_texts(texts, kind="captions"), [note]
