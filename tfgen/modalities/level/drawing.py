"""A plain tile set, drawn here, and levels as pictures: a colour and a simple sign for what each tile is."""

from pathlib import Path

import numpy as np

from tfgen.modalities.level.tiles import TileSet

SIDE = 16  # pixels of a tile
_SKY, _INK = (116, 172, 232), (40, 36, 48)
# The ground of a tile and its sign's colour, by kind.
_COLOURS: dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    "empty": (_SKY, _SKY),
    "solid": ((156, 96, 56), (112, 64, 36)),
    "block": ((226, 168, 72), (150, 96, 28)),
    "pipe": ((72, 168, 80), (32, 104, 48)),
    "cannon": ((88, 92, 104), (44, 46, 56)),
    "door": ((120, 72, 40), (240, 208, 96)),
    "stair": ((200, 180, 140), (120, 100, 70)),
    "enemy": (_SKY, (200, 48, 48)),
    "hazard": ((212, 92, 40), (252, 208, 72)),
    "collectible": (_SKY, (252, 212, 56)),
    "floor": ((216, 200, 168), (196, 178, 144)),
    "other": ((150, 150, 162), (112, 112, 126)),
}
_SHADES = 4  # of tiles of one kind, each a bit darker than the one before


def pictures(levels: np.ndarray, tiles: TileSet) -> np.ndarray:
    """Levels uint8 [n, rows, columns] as uint8 [n, SIDE * rows, SIDE * columns, 3]."""
    atlas = _atlas(tiles)
    count, rows, columns = levels.shape
    drawn = atlas[levels].transpose(0, 1, 3, 2, 4, 5)
    return drawn.reshape(count, rows * SIDE, columns * SIDE, 3)


def lettered(sheet: Path, path: Path) -> Path:
    """A sheet as a picture: itself, or of a file of text a drawing of that at `path`."""
    if sheet.suffix == ".png":
        return sheet
    from PIL import Image, ImageDraw

    text = sheet.read_text(encoding="utf-8")
    box = ImageDraw.Draw(Image.new("RGB", (1, 1))).multiline_textbbox((4, 4), text)
    page = Image.new("RGB", (int(box[2]) + 8, int(box[3]) + 8), "white")
    ImageDraw.Draw(page).multiline_text((4, 4), text, fill="black")
    page.save(path)
    return path


def _atlas(tiles: TileSet) -> np.ndarray:
    """Every tile, uint8 [256, SIDE, SIDE, 3]; what is no tile is white."""
    atlas = np.full([256, SIDE, SIDE, 3], 255, np.uint8)
    seen: dict[str, int] = {}
    for place, kind in enumerate(tiles.kinds):
        shade = seen[kind] = seen.get(kind, -1) + 1
        atlas[place] = _tile(kind, shade % _SHADES)
    return atlas


def _tile(kind: str, shade: int) -> np.ndarray:
    """uint8 [SIDE, SIDE, 3]."""
    ground, ink = (np.array(colour) for colour in _COLOURS[kind])
    if kind not in ("empty", "enemy", "collectible"):
        ground = ground * (1 - 0.12 * shade)
    tile = np.tile(ground.astype(np.uint8), (SIDE, SIDE, 1))
    tile[_sign(kind, shade)] = ink.astype(np.uint8)
    if kind == "enemy":
        tile[5:8, 5:7] = tile[5:8, 9:11] = 255
        tile[6:8, 6] = tile[6:8, 9] = _INK
    return tile


def _sign(kind: str, shade: int) -> np.ndarray:
    """Where a tile has its second colour, bool [SIDE, SIDE]."""
    row, column = np.mgrid[:SIDE, :SIDE]
    centre = np.hypot(row - 7.5, column - 7.5)
    edge = (row == 0) | (column == 0) | (row == SIDE - 1) | (column == SIDE - 1)
    if kind == "solid":
        return (row % 8 == 7) | ((column + 4 * (row // 8)) % 8 == 7)
    if kind == "block":
        return edge | ((centre < 3) if shade % 2 else (abs(row - column) < 1) & (centre < 5))
    if kind == "pipe":
        return (column % 8 == 0) | (column % 8 == 6) | ((row < 2) & (shade < 2))
    if kind == "cannon":
        return edge | (centre < 4)
    if kind == "door":
        return edge | ((abs(row - 8) < 2) & (abs(column - 11) < 2))
    if kind == "stair":
        return row // 4 * 4 == row
    if kind == "enemy":
        return (centre < 6.5) | ((row > 12) & (abs(abs(column - 7.5) - 4) < 2))
    if kind == "hazard":
        return row > 3 + 2 * abs(column % 8 - 4)
    if kind == "collectible":
        return (abs(row - 7.5) / 6 + abs(column - 7.5) / 4.5) < 1
    if kind == "floor":
        return (row % 8 == 4) & (column % 8 == 4)
    if kind == "other":
        return (row + column) % 6 == 0
    return np.zeros([SIDE, SIDE], bool)
