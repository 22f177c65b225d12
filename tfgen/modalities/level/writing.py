"""A level back to the format that levels were read in, so that a game or an editor opens it."""

from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from tfgen.modalities.level.tiles import TileSet


def content_of(tiles: np.ndarray, tile_set: TileSet, form: Mapping[str, Any], about: Mapping[str, str] = {}) -> str:
    """A level uint8 [rows, columns] as a file of one of reading.ENDINGS.

    about: what is said of it; kept in a .tmx, since text and CSV have no room for it.
    """
    if form["ending"] == ".csv":
        return _csv(tiles, tile_set) + "\n"
    if form["ending"] == ".tmx":
        return _tmx(tiles, tile_set, form, about)
    between = form.get("between", "")
    if between and tile_set.numbers:
        return _csv(tiles, tile_set).replace(",", between) + "\n"
    return "".join(f"{between.join(row)}\n" for row in tile_set.rows(tiles))


def _csv(tiles: np.ndarray, tile_set: TileSet, between: str = "\n") -> str:
    numbers = np.array(tile_set.numbers or range(len(tile_set)))[tiles]
    return between.join(",".join(map(str, row)) for row in numbers.tolist())


def _tmx(tiles: np.ndarray, tile_set: TileSet, form: Mapping[str, Any], about: Mapping[str, str]) -> str:
    rows, columns = tiles.shape
    size = f'width="{columns}" height="{rows}"'
    sides = " ".join(f"{name}={quoteattr(form[name])}" for name in ("tilewidth", "tileheight"))
    said = "".join(f"  <property name={quoteattr(name)} value={quoteattr(text)}/>\n" for name, text in about.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<map version="1.10" orientation="orthogonal" renderorder="right-down" {size} {sides} infinite="0">\n'
        + (f" <properties>\n{said} </properties>\n" if said else "")
        + "".join(f" {each}\n" for each in form["tilesets"])
        + f' <layer id="1" name={quoteattr(form["layer"])} {size}>\n  <data encoding="csv">\n'
        + _csv(tiles, tile_set, ",\n")
        + "\n  </data>\n </layer>\n</map>\n"
    )
