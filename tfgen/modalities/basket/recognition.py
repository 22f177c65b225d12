"""How surely a source holds baskets: by names and the first bytes only. A table stays one unless it surely is not."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tfgen.data.encodings import open_unpacked
from tfgen.data.examples import clean_text
from tfgen.data.walk import walk
from tfgen.modalities.basket.columns import is_surely_interactions
from tfgen.modalities.table.delimited import parse_sample
from tfgen.modalities.table.reading import DELIMITERS, ending_of, find_delimiter
from tfgen.modalities.table.recognition import how_surely as table_surely

LINES = (".basket", ".baskets")  # whose lines are baskets, whatever else they look like
INTERACTIONS = ".inter"  # RecBole's
DELIMITED = (".csv", ".tsv", ".tab", ".dat", ".data", ".ratings")
_SAMPLE = 2**15  # bytes
_MOST_LINES = 400
_LEAST_LINES = 5
_ALIKE = 0.7  # of the lines: so many with as many cells are a table's
_SHARED = 0.5  # of the cells of baskets hold what stands in another place elsewhere
_QUOTED = re.compile(r'(^|[,;\t|])\s*"(?:[^"]|"")*"')  # a cell in quotation marks, and the sign before it
DOUBLE_COLON = re.compile(r"[^:\s][^:]*::[^:]+(::[^:]*){0,2}")  # MovieLens' user::item::rating::time


def how_surely(source: Any) -> int:
    """2 for baskets, 1 for a table, which is read as them where somebody says so, 0 for anything else.

    source: an existing path, or data in memory.
    """
    if not isinstance(source, Path):
        return 2 if are_lists(source) else table_surely(source) // 2
    is_sure = bool(baskets_in(source)) if source.is_dir() else _is_surely(source)
    return 2 if is_sure else table_surely(source) // 2


def are_lists(data: Any) -> bool:
    """Whether data in memory is a list of lists of names."""
    if not isinstance(data, (list, tuple)) or not data:
        return False
    some = data[:20]
    return all(
        isinstance(each, (list, tuple, set, frozenset)) and all(isinstance(item, (str, int)) for item in each)
        for each in some
    ) and any(some)


def lists_of(data: Any) -> list[list[str]]:
    """The names of each of such lists, on one line each; of sets, which have no order, by the alphabet."""
    lists = [[clean_text(str(item)) for item in each] for each in data]
    return [sorted(own) if isinstance(each, (set, frozenset)) else own for each, own in zip(data, lists, strict=True)]


def baskets_in(folder: Path) -> list[Path]:
    """The files below a folder that can't be anything else."""
    found = [Path(entry.path) for _, entry in walk(folder, [])]
    return sorted(path for path in found if ending_of(path) in (*LINES, INTERACTIONS))


def _is_surely(path: Path) -> bool:
    ending = ending_of(path)
    if ending in (*LINES, INTERACTIONS):
        return path.stat().st_size > 0
    lines = first_lines(path) if ending in DELIMITED else []
    if not lines:
        return False
    if is_double_colon(lines) or are_ragged(lines, line_delimiter(lines)):
        return True
    heads = parse_sample(lines[0], max(DELIMITERS, key=lines[0].count))
    return len(lines) > 1 and bool(heads) and is_surely_interactions(heads[0])


def first_lines(path: Path) -> list[str]:
    """Some whole lines of a text, none of them empty; none at all of what is no text."""
    try:
        with open_unpacked(path) as file:
            head = file.read(_SAMPLE)
    except (OSError, EOFError):
        return []
    if b"\0" in head:
        return []
    text = head.decode("utf-8-sig", "replace")
    whole = text if len(head) < _SAMPLE else text[: max(text.rfind("\n"), 0)]
    return [line for line in whole.splitlines() if line.strip()][:_MOST_LINES]


def is_double_colon(lines: Sequence[str]) -> bool:
    """Whether lines are MovieLens' user::item::rating::time."""
    return sum(bool(DOUBLE_COLON.fullmatch(line.strip())) for line in lines) >= max(1, 0.9 * len(lines))


def line_delimiter(lines: Sequence[str], always: bool = False) -> str:
    """The sign between the items of a basket a line: the commonest outside of quotation marks; a comma, where there is
    one, of files that are always baskets."""
    lines = [_QUOTED.sub(r"\1", line) for line in lines]
    if always and any("," in line for line in lines):
        return ","
    return max((*DELIMITERS, " ") if _are_numbers(lines) else DELIMITERS,
               key=lambda sign: sum(line.count(sign) for line in lines))  # fmt: skip


def _are_numbers(lines: Sequence[str]) -> bool:
    """Whether lines are numbers with spaces between, as of frequent item set mining."""
    return all(re.fullmatch(r"[0-9]+( [0-9]+)*\s*", line) for line in lines)


def are_ragged(lines: Sequence[str], sign: str) -> bool:
    """Whether lines are baskets rather than rows: as many cells as it happens, and the same names in any place."""
    if len(lines) < _LEAST_LINES:
        return False
    text = "\n".join(lines)
    other = find_delimiter(text)
    if other != sign and other in DELIMITERS and len({len(row) for row in parse_sample(text, other)}) == 1:
        return False  # a table, with lists in the cells of a column
    rows = parse_sample(text, sign)
    lengths = Counter(map(len, rows))
    if len(lengths) < 3 or lengths.most_common(1)[0][1] > _ALIKE * len(rows):
        return False
    rows = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    places: dict[str, set[int]] = {}
    for row in rows:
        for place, cell in enumerate(row):
            places.setdefault(cell, set()).add(place)
    cells = [cell for row in rows for cell in row]
    return sum(len(places[cell]) > 1 for cell in cells) >= _SHARED * len(cells)
