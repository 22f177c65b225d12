"""Maps that Tiled saved as JSON, .tmj or .json, turned into the XML of its .tmx, which is read."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tfgen.console import harmless

ENDINGS = (".tmj", ".json")
_LOOKED_AT = 2**12  # bytes of the beginning and of the end: keys stand in the order of letters, the tiles between
_MAP = (rb'"type"\s*:\s*"map"', rb'"tilewidth"\s*:', rb'"layers"\s*:')
_OF_MAP = ("width", "height", "tilewidth", "tileheight", "orientation")
_OF_TILE_SET = ("firstgid", "source", "name", "tilewidth", "tileheight", "tilecount", "columns", "margin", "spacing")
_OF_IMAGE = {"image": "source", "imagewidth": "width", "imageheight": "height"}


def is_map(path: Path) -> bool:
    """Whether a file of JSON is a map by its beginning and its end."""
    try:
        with open(path, "rb") as file:
            head = file.read(_LOOKED_AT)
            file.seek(max(len(head), path.stat().st_size - _LOOKED_AT))
            looked_at = head + file.read()
    except OSError:
        return False
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and all(re.search(mark, looked_at) for mark in _MAP)


def map_of(content: bytes) -> ElementTree.Element:
    """The <map> of a map in JSON. Raises ValueError for anything else."""
    try:
        found = json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(found, Mapping) or not isinstance(found.get("layers"), list):
        raise ValueError("no map of Tiled")
    root = _element("map", found, _OF_MAP)
    root.set("infinite", "1" if found.get("infinite") else "0")
    for each in _objects(found.get("tilesets")):
        root.append(_tile_set(each))
    _add_layers(root, found["layers"])
    return root


def _add_layers(parent: ElementTree.Element, layers: Any) -> None:
    for layer in _objects(layers):
        if layer.get("type") not in ("tilelayer", "group"):
            continue
        element = _element("layer" if layer["type"] == "tilelayer" else "group", layer, ("name", "width", "height"))
        element.set("visible", "0" if layer.get("visible") is False else "1")
        parent.append(element)
        if layer["type"] == "group":
            _add_layers(element, layer.get("layers"))
        elif "data" in layer:
            element.append(_data(layer))


def _data(layer: Mapping[str, Any]) -> ElementTree.Element:
    data = layer["data"]
    if isinstance(data, str):
        element = _element("data", layer, ("encoding", "compression"))
        element.text = data
    else:
        element = ElementTree.Element("data", encoding="csv")
        element.text = ",".join(map(str, data)) if isinstance(data, list) else ""
    return element


def _tile_set(found: Mapping[str, Any]) -> ElementTree.Element:
    element = _element("tileset", found, _OF_TILE_SET)
    if "image" in found:
        element.append(_image(found))
    for tile in _objects(found.get("tiles")):
        if "image" in tile:
            inside = _element("tile", tile, ("id",))
            inside.append(_image(tile))
            element.append(inside)
    return element


def _image(found: Mapping[str, Any]) -> ElementTree.Element:
    return _element("image", {_OF_IMAGE[name]: found[name] for name in _OF_IMAGE if name in found}, _OF_IMAGE.values())


def _element(tag: str, found: Mapping[str, Any], names: Any) -> ElementTree.Element:
    kept = {name: found[name] for name in names if isinstance(found.get(name), (str, int, float)) and found[name] != ""}
    return ElementTree.Element(tag, {name: harmless(value) for name, value in kept.items()})


def _objects(values: Any) -> list[Mapping[str, Any]]:
    return [each for each in values if isinstance(each, Mapping)] if isinstance(values, list) else []
