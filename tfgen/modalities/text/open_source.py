"""A path to the source of documents that it is."""

import os
from collections import Counter
from pathlib import Path

from tfgen.data.examples import short_name
from tfgen.errors import UserError
from tfgen.modalities.text.documents import WHAT_IS_READ, Files, Source
from tfgen.modalities.text.row_kinds import Columns
from tfgen.modalities.text.rows import Rows
from tfgen.modalities.text.scan import ROW_ENDINGS, TABLE_ENDINGS, TextFile, Texts, ending_of, file_at, list_texts


def open_source(
    path: Path, columns: Columns = Columns(), by_lines: bool = False, encoding: str | None = None
) -> Source:
    """The source behind a file or a folder of texts; `by_lines`: each line is a document. Raises UserError.

    encoding: of all files; None where it is found for each.
    """
    path = Path(os.path.abspath(path.expanduser()))
    if path.is_dir():
        listing = list_texts(path)
        if not listing.chosen:
            raise UserError(f"There are no texts in '{path}'.", WHAT_IS_READ)
        name = short_name(path.resolve().name)
        return _rows_or_files(name, path, listing.chosen, listing, columns, by_lines, encoding)
    try:
        file = file_at(path)
    except OSError as error:
        raise UserError(f"'{path}' can't be read: {error.strerror or error}.", WHAT_IS_READ) from error
    return _rows_or_files(short_name(path.stem or path.name), path, [file], None, columns, by_lines, encoding)


def _rows_or_files(
    name: str, path: Path, files: list[TextFile], listing: Texts | None, columns: Columns, by_lines: bool,
    encoding: str | None,
) -> Source:  # fmt: skip
    endings = Counter(ending_of(file.name) for file in files)
    if any(ending in (*ROW_ENDINGS, *TABLE_ENDINGS, ".json") for ending in endings):
        if by_lines:
            raise UserError(f"'{path}' has rows, each of which is a document.", "Leave documents out.")
        return Rows(name, path, files, listing, columns, encoding)
    if columns != Columns():
        raise UserError(f"'{path}' has no columns: it is plain text.", "Leave text, prompt and completion out.")
    return Files(name, path, files, listing, by_lines, encoding)
