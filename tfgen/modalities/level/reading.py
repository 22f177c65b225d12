"""Files to levels: VGLC's text, CSV tile maps, Tiled's .tmx and JSON. Names of tiles are letters, or numbers.

Text has a letter for each tile, or letters or whole numbers that spaces or tabs part; CSV has a whole number. Of a map
of Tiled the tile layers that aren't hidden are laid over each other, or one is chosen by its name; its data may be CSV,
base64, or that compressed by zlib or gzip. How a tile is turned is left out.
"""

import base64
import binascii
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from tfgen.modalities.level import tiled_json
from tfgen.modalities.level.tiles import MOST_COLUMNS, MOST_ROWS

ENDINGS = (".txt", ".csv", ".tmx")
UNREAD = {
    ".ldtk": "a world of LDtk, which can't be read; have it exported as .tmx too, in LDtk's project settings",
}
MOST_BYTES = 2**25
MOST_TILES_OF_LAYERS = 2**26  # of all layers of a map together
_FLIPPED = 0x1FFFFFFF  # what remains of a number in a .tmx without the bits that say how a tile is turned
_LEAST_SIDE = 3
_REPETITIVE = 0.35  # of a text's neighbours in a row, as many are equal in a level at the least
_MOST_LETTERS = 64
# Lines of different length are a level that lost its spaces on the right only where they are drawn: there are gaps
# and long stretches of one letter, and hardly a word. Prose and code are words by three quarters.
_GAPS, _STRETCHES, _WORDS = 0.05, 0.25, 0.05
_LOOKED_AT = 2**16  # bytes of a file that say whether it is a level


class BrokenLevel(Exception):
    """A file that can't be read as a level; its sentence says why."""


@dataclass(frozen=True)
class Level:
    """One level as it was read: letters or numbers of tiles [rows, columns]."""

    name: str
    game: str  # the sub-folder that it is in
    names: np.ndarray
    form: dict[str, Any]  # what it takes to write another one in its format: its "ending", and of a .tmx the rest
    hidden: int = 0  # layers that are left out
    filled: int = 0  # lines that were shorter than others


def read_file(path: Path, name: str, layer: str | None = None) -> list[Level]:
    """The levels of a file: one, or of text several that blank lines part. Raises BrokenLevel, or OSError."""
    ending = path.suffix.lower()
    if ending in UNREAD:
        raise BrokenLevel(UNREAD[ending])
    content = _content_of(path)
    if not content.strip():
        raise BrokenLevel("empty")
    if ending == ".tmx" or ending in tiled_json.ENDINGS:
        names, form, hidden = _read_map(_parsed(content) if ending == ".tmx" else _map_of_json(content), layer)
        return [_level(name, names, {"ending": ".tmx", **form}, hidden=hidden)]
    if ending == ".csv":
        return [_level(name, _read_csv(_text(content)), {"ending": ending})]
    found, parts = [], _parts(_text(content))
    for number, part in enumerate(parts, 1):
        try:
            parted = _read_parted(part)
            if parted is not None:
                found.append(_level(name, parted[0], {"ending": ending, "between": parted[1]}))
                continue
            names, filled = _read_letters(part)
            found.append(_level(name, names, {"ending": ending}, filled=filled))
        except BrokenLevel as error:
            which = f"level {number} of {len(parts)}: " if len(parts) > 1 else ""
            raise BrokenLevel(f"{which}{error}") from error
    return found


def _level(name: str, names: np.ndarray, form: dict[str, Any], hidden: int = 0, filled: int = 0) -> Level:
    rows, columns = names.shape
    if min(rows, columns) < _LEAST_SIDE:
        raise BrokenLevel(f"only {rows} by {columns} tiles")
    if rows > MOST_ROWS or columns > MOST_COLUMNS:
        raise BrokenLevel(f"{rows} by {columns} tiles are too many")
    parts = Path(name).parts
    return Level(name, parts[0] if len(parts) > 1 else "", names, form, hidden, filled)


def _content_of(path: Path) -> bytes:
    if path.stat().st_size > MOST_BYTES:
        raise BrokenLevel("larger than 32 MiB")
    return path.read_bytes()


def looks_like_level(path: Path) -> bool:
    """By its first bytes: a .tmx, lines in which letters repeat, of equal length or drawn with gaps, or such rows of
    whole numbers."""
    ending = path.suffix.lower()
    if ending in tiled_json.ENDINGS:
        return tiled_json.is_map(path)
    if ending not in ENDINGS:
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_LOOKED_AT)
    except OSError:
        return False
    if ending == ".tmx":
        return b"<map" in head
    try:
        text = _text(head)
        lines = text.splitlines()
        whole = "\n".join(lines[:-1] if len(head) == _LOOKED_AT else lines)
        if ending == ".csv":
            return _are_likely_numbers(_read_csv(whole))
        parts = _parts(whole)
        if len(head) == _LOOKED_AT and len(parts) > 1:
            parts.pop()
        return all(map(_is_likely, parts))
    except BrokenLevel:
        return False


def _is_likely(part: str) -> bool:
    """Whether a level as text is one."""
    parted = _read_parted(part)
    if parted is None:
        return _is_repetitive(_read_letters(part)[0])
    return (_are_likely_numbers if parted[0].dtype.kind == "i" else _is_repetitive)(parted[0])


def _are_likely_numbers(names: np.ndarray) -> bool:
    return min(names.shape) >= 8 and names.shape[0] <= 512 and _is_repetitive(names)


def is_of_numbers(path: Path) -> bool:
    """Whether a file that looks like a level has numbers, which may as well be a table's."""
    if path.suffix.lower() == ".csv":
        return True
    try:
        parted = _read_parted(_text(_content_of(path))) if path.suffix.lower() == ".txt" else None
    except (BrokenLevel, OSError):
        return False
    return parted is not None and parted[0].dtype.kind == "i"


def _is_repetitive(names: np.ndarray) -> bool:
    alike = np.mean(names[:, 1:] == names[:, :-1]) if names.shape[1] > 1 else 0.0
    return min(names.shape) >= _LEAST_SIDE and alike >= _REPETITIVE and len(np.unique(names)) <= _MOST_LETTERS


def why_no_level(path: Path) -> str | None:
    """What is wrong with a text that is nearly a level, since most of its lines have one length; None of any other."""
    try:
        if path.stat().st_size > _LOOKED_AT or looks_like_level(path):
            return None
        lines = _text(path.read_bytes()).splitlines()
    except (BrokenLevel, OSError):
        return None
    usual = Counter(map(len, lines)).most_common(1)
    if len(lines) < _LEAST_SIDE or 2 * usual[0][1] < len(lines) or not _is_of_tiles(lines):
        return None
    try:
        read_file(path, path.name)
    except BrokenLevel as error:
        return str(error)
    return None


def _text(content: bytes) -> str:
    if b"\0" in content:
        raise BrokenLevel("not text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _parts(text: str) -> list[str]:
    """The levels of a text, in which blank lines may part several, with titles behind a ; as Sokoban's have."""
    text = re.sub(r"\r+\n|\r", "\n", text)
    blocks = [block.split("\n") for block in re.split(r"\n{2,}", text.strip("\n"))]
    parts = [part for block in blocks if (part := [line for line in block if not line.startswith(";")])]
    if len(parts) < 2 or min(map(len, parts)) < _LEAST_SIDE:
        return [text]
    # A blank line may as well be a row of the sky that lost its spaces: not so between blocks of equal lines or walls.
    has_titles = sum(map(len, parts)) < sum(map(len, blocks))
    are_equal = all(len(set(map(len, part))) == 1 for part in parts)
    ends = {end for part in parts for line in part for end in (line.strip()[:1], line.strip()[-1:])}
    return ["\n".join(part) for part in parts] if has_titles or are_equal or len(ends) == 1 else [text]


def _read_parted(text: str) -> tuple[np.ndarray, str] | None:
    """Letters, or whole numbers, of which a space or a tab parts each from the next, and which of the two it is; None
    of any other text."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    between = "\t" if lines and "\t" in lines[0] else " "
    rows = [line.split(None if between == " " else between) for line in lines]
    if len(rows) < _LEAST_SIDE or len(set(map(len, rows))) > 1 or len(rows[0]) < _LEAST_SIDE:
        return None
    cells = {cell for row in rows for cell in row}
    if all(re.fullmatch(r"-?\d{1,10}", cell) for cell in cells):
        return np.array(rows, np.int64), between
    if any(len(cell) != 1 for cell in cells) or any(len(line) != 2 * len(rows[0]) - 1 for line in lines):
        return None
    return np.array(rows), between


def _read_letters(text: str) -> tuple[np.ndarray, int]:
    """The tiles, and how many lines were filled with spaces on the right."""
    lines, filled = text.strip("\n").split("\n"), 0
    if len(set(map(len, lines))) > 1:
        # Lines of nothing but spaces may have become empty, so those before the first letter stay.
        stripped = [line.rstrip(" ") for line in text.rstrip("\n").split("\n")]
        width = max(map(len, stripped))
        shorter = sum(len(line) < width for line in stripped)
        if not shorter or _is_drawn(stripped, width):
            lines, filled = [line.ljust(width) for line in stripped], shorter
        elif len(set(map(len, filter(None, lines)))) == 1:
            lines = list(filter(None, lines))  # with a blank line after every row
    widths = {len(line) for line in lines}
    if len(widths) > 1:
        usual = max(widths, key=[len(line) for line in lines].count)
        odd = next(number for number, line in enumerate(lines, 1) if len(line) != usual)
        raise BrokenLevel(f"line {odd} has {len(lines[odd - 1])} tiles, others {usual}")
    if any(not letter.isprintable() for letter in set("".join(lines))):
        raise BrokenLevel("letters that can't be shown")
    return np.array([list(line) for line in lines]), filled


def _is_drawn(lines: list[str], width: int) -> bool:
    """Whether lines without spaces on the right are those of a level in which a space is the empty tile."""
    return _is_of_tiles(lines) and sum(line.count(" ") for line in lines) >= _GAPS * width * len(lines)


def _is_of_tiles(lines: list[str]) -> bool:
    """Whether lines of any length have long stretches of one letter, and hardly a word."""
    text = "\n".join(lines)
    letters = len(re.sub(r"\s", "", text))
    words = sum(len(word) for word in re.findall(r"[^\W\d_]{2,}", text) if len(set(word.lower())) > 2)
    stretches = sum(len(found[0]) for found in re.finditer(r"([^\s\d])\1{3,}", text))
    return stretches >= max(1, _STRETCHES * letters) and len(set(text)) <= _MOST_LETTERS and words <= _WORDS * letters


def _read_csv(text: str) -> np.ndarray:
    rows = [line.strip().strip(",;") for line in text.splitlines() if line.strip()]
    return _numbers([re.split(r"\s*[,;\t]\s*", row) for row in rows])


def _numbers(rows: list[list[str]]) -> np.ndarray:
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise BrokenLevel(f"row {number} has {len(row)} tiles, the first {len(rows[0])}")
        wrong = next((cell for cell in row if not re.fullmatch(r"-?\d{1,10}", cell)), None)
        if wrong is not None:
            raise BrokenLevel(f"'{wrong[:20]}' in row {number} is no whole number")
    if not rows:
        raise BrokenLevel("no tiles")
    return np.array(rows, np.int64)


def _map_of_json(content: bytes) -> ElementTree.Element:
    try:
        return tiled_json.map_of(content)
    except ValueError as error:
        raise BrokenLevel(f"no map in JSON ({error})") from error


def _read_map(root: ElementTree.Element, wanted: str | None) -> tuple[np.ndarray, dict[str, Any], int]:
    """The tiles, what it takes to write such a map, and how many layers are left out since they are hidden."""
    if root.tag != "map":
        raise BrokenLevel(f"<{root.tag[:20]}>, not a map of Tiled")
    if root.get("infinite") == "1":
        raise BrokenLevel("an infinite map; switch that off in Tiled, under Map Properties")
    if root.get("orientation", "orthogonal") != "orthogonal":
        raise BrokenLevel(f"an {root.get('orientation')} map; only orthogonal ones can be read")
    layers = list(root.iter("layer"))
    known, hidden = [layer.get("name", "") for layer in layers], set()
    if wanted is None:
        hidden = {layer for each in root.iter() if each.get("visible") == "0" for layer in each.iter("layer")}
        if hidden and len(hidden) == len(layers):
            raise BrokenLevel("all layers of tiles are hidden; --set layer=NAME takes one of them")
        layers = [layer for layer in layers if layer not in hidden]
    else:
        if wanted not in known:
            raise BrokenLevel(f"no layer '{wanted}', only {', '.join(map(repr, known)) or 'none'}")
        layers = [layer for layer in layers if layer.get("name") == wanted]
    if not layers:
        raise BrokenLevel("no layer of tiles")
    tiles = _layer_of(layers[0])
    if len(layers) * tiles.size > MOST_TILES_OF_LAYERS:
        raise BrokenLevel(f"{len(layers)} layers of {tiles.shape[0]} by {tiles.shape[1]} tiles are too many")
    for layer in layers[1:]:  # one by one: a small file may hold many large ones
        grid = _layer_of(layer, tiles.shape)
        np.copyto(tiles, grid, where=grid != 0)
    sets = [ElementTree.tostring(each, encoding="unicode").strip() for each in root.findall("tileset")]
    about = {name: root.get(name, "16") for name in ("tilewidth", "tileheight")}
    return tiles, {**about, "tilesets": sets, "layer": layers[0].get("name", "tiles")}, len(hidden)


def _parsed(content: bytes) -> ElementTree.Element:
    # Entities are all that makes XML of strangers a danger to the standard parser, and no map needs them. They are
    # looked for as ASCII, so what isn't written in it, as UTF-16, is refused: there every other byte is a zero.
    if b"\0" in content:
        raise BrokenLevel("not UTF-8, in which Tiled writes")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise BrokenLevel("it declares a DOCTYPE or entities, which no map needs")
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the last of encodings that nobody knows
        raise BrokenLevel(f"no XML ({error})") from error


def _layer_of(layer: Any, expected: tuple[int, ...] | None = None) -> np.ndarray:
    try:
        height, width = int(layer.get("height", 0)), int(layer.get("width", 0))
    except ValueError:
        height = width = 0
    if not (0 < height <= MOST_ROWS and 0 < width <= MOST_COLUMNS):
        raise BrokenLevel(f"a layer of {str(layer.get('height'))[:9]} by {str(layer.get('width'))[:9]} tiles")
    if expected not in (None, (height, width)):
        raise BrokenLevel("layers of different sizes")
    data = layer.find("data")
    if data is None:
        raise BrokenLevel("a layer without data")
    encoding, text = data.get("encoding"), "".join(data.itertext())
    if encoding == "csv":
        numbers = _numbers([[cell for cell in re.split(r"[\s,]+", text) if cell]])[0]
    elif encoding == "base64":
        numbers = np.frombuffer(_unpacked(text, data.get("compression"), 4 * height * width), "<u4").astype(np.int64)
    elif encoding is None:
        numbers = _numbers([[tile.get("gid", "0") for tile in data.iter("tile")]])[0]
    else:
        raise BrokenLevel(f"data encoded as '{encoding[:20]}'")
    if len(numbers) != height * width:
        raise BrokenLevel(f"{len(numbers)} tiles in a layer of {height} by {width}")
    return (numbers & _FLIPPED).reshape(height, width)


def _unpacked(text: str, compression: str | None, size: int) -> bytes:
    """At most `size` + 1 bytes, so that nothing small becomes something huge."""
    try:
        packed = base64.b64decode("".join(text.split()), validate=True)
        if compression in ("zlib", "gzip"):
            packed = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(packed, size + 1)
        elif compression:
            raise BrokenLevel(f"data compressed by '{compression[:20]}'; choose zlib in Tiled")
    except (binascii.Error, ValueError, zlib.error) as error:
        raise BrokenLevel(f"data that can't be unpacked ({error})") from error
    if len(packed) != size:
        raise BrokenLevel(f"{len(packed)} bytes of data, not {size}")
    return packed


def read_properties(path: Path) -> dict[str, str]:
    """What `writing.content_of` said in a .tmx beside the tiles. Raises BrokenLevel."""
    root = _parsed(_content_of(path))
    return {each.get("name", ""): each.get("value", "") for each in root.findall("properties/property")}


def grid_of(level: Level, places: dict[Any, int]) -> np.ndarray:
    """The level's tiles by their places in a set, uint8 [rows, columns]."""
    names, index = np.unique(level.names, return_inverse=True)
    return np.array([places[name] for name in names.tolist()], np.uint8)[index.reshape(level.names.shape)]


def candidates(files: Iterator[str], folder: Path) -> list[str]:
    """Those of some files of a folder that may be levels, in order; of UNREAD and JSON only such as lie nowhere as a
    .tmx."""
    also = (*UNREAD, *tiled_json.ENDINGS)
    names = sorted(name for name in files if Path(name).suffix.lower() in (*ENDINGS, *also))
    maps = {str(Path(name).with_suffix("")) for name in names if name.lower().endswith(".tmx")}
    names = [name for name in names if not (name.lower().endswith(also) and str(Path(name).with_suffix("")) in maps)]
    return [name for name in names if not name.lower().endswith(".json") or tiled_json.is_map(folder / name)]


def is_unread(name: str) -> bool:
    """Whether a name is that of levels which nobody here reads."""
    return Path(name).suffix.lower() in UNREAD
