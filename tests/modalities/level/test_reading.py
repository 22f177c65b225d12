"""Files to levels: every format, and a sentence for each way in which one is broken."""

import base64
import gzip
import json
import random
import zlib

import numpy as np
import pytest

from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.modalities.level.embedded import layout
from tfgen.modalities.level.modality import LevelModality
from tfgen.modalities.level.reading import BrokenLevel, looks_like_level, read_file
from tfgen.modalities.level.tiles import TileSet, read_legend
from tfgen.modalities.level.writing import content_of

GRID = np.array([[0] * 10, [0, 0, 3, 0, 0, 0, 0, 7, 0, 0], [1] * 4 + [0] * 2 + [1] * 4, [1] * 4 + [0] * 2 + [1] * 4])
TILESET = '<tileset firstgid="1" source="my &amp; tiles.tsx"/>'


def tmx(data, layers=1, rows=4, columns=10, head=""):
    layer = "".join(
        f'<layer id="{place}" name="layer {place}" width="{columns}" height="{rows}">{data}</layer>'
        for place in range(layers)
    )
    return f'<?xml version="1.0"?>{head}<map width="10" height="4" tilewidth="8" tileheight="8">{TILESET}{layer}</map>'


def packed(pack):
    return base64.b64encode(pack(GRID.astype("<u4").tobytes())).decode()


DATA = {
    "csv": f'<data encoding="csv">{",".join(map(str, GRID.ravel()))}</data>',
    "base64": f'<data encoding="base64">\n {packed(bytes)}\n</data>',
    "zlib": f'<data encoding="base64" compression="zlib">{packed(zlib.compress)}</data>',
    "gzip": f'<data encoding="base64" compression="gzip">{packed(gzip.compress)}</data>',
    "tiles": f'<data>{"".join(f"<tile gid={chr(34)}{each}{chr(34)}/>" for each in GRID.ravel())}</data>',
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_tiled_keeps_tiles_in_five_ways(data, tmp_path):
    path = tmp_path / "level.tmx"
    path.write_text(tmx(data))
    np.testing.assert_array_equal(read_file(path, path.name)[0].names, GRID)


def test_bits_that_turn_a_tile_are_left_out_and_layers_lie_over_each_other(tmp_path):
    path, turned = tmp_path / "level.tmx", GRID.astype(np.int64) + (GRID > 0) * 0x80000000
    path.write_text(tmx(f'<data encoding="csv">{",".join(map(str, turned.ravel()))}</data>', layers=2))
    np.testing.assert_array_equal(read_file(path, path.name)[0].names, GRID)
    assert read_file(path, path.name, "layer 1")[0].form["layer"] == "layer 1"
    with pytest.raises(BrokenLevel, match="no layer 'sky', only 'layer 0', 'layer 1'"):
        read_file(path, path.name, "sky")


def test_hidden_layers_are_left_out_and_a_note_says_so(tmp_path):
    other = f'<data encoding="csv">{",".join(["9"] * GRID.size)}</data>'
    hidden = f'<layer name="collision" width="10" height="4" visible="0">{other}</layer>'
    within = f'<group visible="0"><group><layer name="old" width="10" height="4">{other}</layer></group></group>'
    path = tmp_path / "level.tmx"
    path.write_text(tmx(DATA["csv"]).replace("</map>", f"{hidden}{within}</map>"))
    np.testing.assert_array_equal(read_file(path, path.name)[0].names, GRID)
    assert (read_file(path, path.name, "collision")[0].names == 9).all()
    assert "2 layers that are hidden in Tiled are left out" in " ".join(open_data(str(tmp_path)).report.notes)
    path.write_text(tmx(DATA["csv"]).replace("<layer ", '<layer visible="0" '))
    with pytest.raises(BrokenLevel, match="all layers of tiles are hidden; --set layer=NAME"):
        read_file(path, path.name)


@pytest.mark.parametrize(
    "name, content, why",
    [
        ("a.txt", "", "empty"),
        ("a.txt", "---\n----\n---\n", "line 2 has 4 tiles, others 3"),
        ("a.txt", "--\n--\n", "only 2 by 2 tiles"),
        ("a.txt", "--\0\n---\n---", "not text"),
        ("a.csv", "1,2,3\n1,2\n1,2,3", "row 2 has 2 tiles, the first 3"),
        ("a.csv", "1,2,3\n1,tree,3\n1,2,3", "'tree' in row 2 is no whole number"),
        ("a.tmx", "<map", "no XML"),
        ("a.tmx", "<svg/>", "<svg>, not a map of Tiled"),
        ("a.tmx", tmx("", layers=0), "no layer of tiles"),
        ("a.tmx", tmx(""), "a layer without data"),
        ("a.tmx", tmx(DATA["csv"], rows=5), "40 tiles in a layer of 5 by 10"),
        ("a.tmx", tmx(DATA["zlib"], rows=999), "160 bytes of data, not 39960"),
        ("a.tmx", tmx(DATA["zlib"], rows="many"), "a layer of many by 10 tiles"),
        ("a.tmx", tmx(DATA["zlib"].replace("zlib", "zstd")), "compressed by 'zstd'"),
        ("a.tmx", tmx('<data encoding="base64">?</data>'), "can't be unpacked"),
        ("a.tmx", tmx(DATA["csv"], head='<!DOCTYPE map [<!ENTITY a "aaaa">]>'), "DOCTYPE"),
        ("a.tmx", tmx(DATA["csv"], head='<!DOCTYPE map [<!ENTITY a "aaaa">]>').encode("utf-16"), "not UTF-8"),
        ("a.tmx", tmx(DATA["csv"]).replace('"1.0"', '"1.0" encoding="unheard-of"'), "no XML"),
        ("a.tmx", tmx(DATA["csv"]).replace("<map", '<map infinite="1"'), "infinite"),
        ("a.tmx", tmx(DATA["csv"]).replace("<map", '<map orientation="isometric"'), "isometric"),
    ],
)
def test_what_is_broken_is_said(name, content, why, tmp_path):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BrokenLevel) as caught:
        read_file(tmp_path / name, name)
    assert why in str(caught.value)


def test_a_little_that_unpacks_into_much_is_refused_early(tmp_path):
    bomb = base64.b64encode(zlib.compress(bytes(10**8))).decode()
    (tmp_path / "a.tmx").write_text(tmx(f'<data encoding="base64" compression="zlib">{bomb}</data>'))
    with pytest.raises(BrokenLevel, match="161 bytes of data, not 160"):
        read_file(tmp_path / "a.tmx", "a.tmx")


def test_many_large_layers_in_a_small_file_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("tfgen.modalities.level.reading.MOST_TILES_OF_LAYERS", 100)
    (tmp_path / "a.tmx").write_text(tmx(DATA["csv"], layers=3))
    with pytest.raises(BrokenLevel, match="3 layers of 4 by 10 tiles are too many"):
        read_file(tmp_path / "a.tmx", "a.tmx")


def test_fifty_broken_levels_are_each_named_and_the_others_read(tmp_path, command):
    chance = random.Random(0)
    for seed in range(6):
        (tmp_path / f"good-{seed}.txt").write_text("\n".join(layout(seed)))
    for place in range(50):
        rows = layout(place)
        row = chance.randrange(1, len(rows))
        rows[row] = rows[row][: chance.randrange(3, 40)]
        (tmp_path / f"broken-{place}.txt").write_text("\n".join(rows)[: chance.randrange(200, 2000)])
    seen = command("data", tmp_path, "--json")
    assert seen.exit_code == 0, seen.stderr
    facts = json.loads(seen.stdout)
    assert facts["modality"] == "level" and facts["count"] == 6 and len(facts["broken"]) == 50


def test_a_folder_without_one_that_can_be_read_says_what_can(tmp_path):
    (tmp_path / "a.tmx").write_text("<map></map>")
    with pytest.raises(UserError, match="no layer of tiles.*Give text with a letter for each tile"):
        open_data(str(tmp_path))


def tmj(data, visible=True, group=False, **more):
    """A map as Tiled exports it to JSON: keys in the order of letters."""
    layer = {**data, "height": 4, "id": 1, "name": "ground", "type": "tilelayer", "visible": visible, "width": 10}
    layers = [{"layers": [layer], "name": "all", "type": "group", "visible": True}] if group else [layer]
    layers.append({"name": "things", "objects": [{"x": 1}], "type": "objectgroup"})
    sets = [{"columns": 8, "firstgid": 1, "image": "my & tiles.png", "imageheight": 64, "imagewidth": 64, "margin": 0,
             "name": "tiles", "spacing": 0, "tilecount": 64, "tileheight": 8, "tilewidth": 8}]
    content = {"compressionlevel": -1, "height": 4, "infinite": False, "layers": layers, "orientation": "orthogonal",
               "tiledversion": "1.10.2", "tileheight": 8, "tilesets": sets, "tilewidth": 8, "type": "map", "width": 10}
    return json.dumps({**content, **more}, indent=1)


@pytest.mark.parametrize("name", ["level.tmj", "level.json"])
@pytest.mark.parametrize("group", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        {"data": GRID.ravel().tolist()},
        {"compression": "zlib", "data": packed(zlib.compress), "encoding": "base64"},
        {"compression": "", "data": packed(bytes), "encoding": "base64"},
    ],
)
def test_tileds_json_is_read_as_its_xml(tmp_path, name, group, data):
    path = tmp_path / name
    path.write_text(tmj(data, group=group))
    assert looks_like_level(path) and LevelModality.recognises(path) == LevelModality.recognises(tmp_path) == 2
    (level,) = read_file(path, path.name)
    np.testing.assert_array_equal(level.names, GRID)
    assert level.form["ending"] == ".tmx" and level.form["tilewidth"] == "8"
    written = tmp_path / "made.tmx"
    written.write_text(content_of(np.zeros((4, 10), np.uint8), TileSet("-", (3,), ((),)), level.form))
    assert np.all(read_file(written, "made.tmx")[0].names == 3) and 'source="my &amp; tiles.png"' in written.read_text()


def test_what_is_wrong_with_a_map_in_json(tmp_path):
    path, data = tmp_path / "level.tmj", {"data": GRID.ravel().tolist()}
    for content, what in [
        (tmj(data, visible=False), "all layers of tiles are hidden"),
        (tmj(data, infinite=True), "an infinite map"),
        (tmj({"data": [1, 2]}), "2 tiles in a layer of 4 by 10"),
        (tmj({"data": [{}] * 40}), "is no whole number"),
        (tmj(data)[:-30], "no map in JSON"),
        ("[" * 100_000, "no map in JSON"),
    ]:
        path.write_text(content)
        with pytest.raises(BrokenLevel, match=what):
            read_file(path, path.name)


def test_a_legend_beside_maps_in_json_is_no_map(tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.json").write_text(tmj({"data": np.tile(GRID, (1, 4)).ravel().tolist()}).replace(
            '"width": 10', '"width": 40'))
    (tmp_path / "tiles.json").write_text(json.dumps({"tiles": {"0": ["empty"], "1": ["solid"]}}))
    report = open_data(str(tmp_path)).report
    assert report.used == 4 and not report.broken


@pytest.mark.parametrize("between", [" ", "\t"])
@pytest.mark.parametrize("names", [np.array(list("-X#o")), np.array([0, 7, 12, 300])], ids=["letters", "numbers"])
def test_tiles_that_spaces_or_tabs_part(tmp_path, between, names):
    grid = names[np.repeat(np.random.default_rng(1).integers(0, 4, (12, 10)), 4, axis=1)]
    path = tmp_path / "level.txt"
    path.write_text("".join(f"{between.join(map(str, row))}\n" for row in grid.tolist()))
    assert looks_like_level(path) and LevelModality.recognises(path) == (1 if names.dtype.kind == "i" else 2)
    (level,) = read_file(path, path.name)
    np.testing.assert_array_equal(level.names, grid)
    tiles = TileSet("abcd" if names.dtype.kind == "i" else "-X#o", tuple(names) if names.dtype.kind == "i" else ())
    index = np.searchsorted(names, grid) if names.dtype.kind == "i" else np.array(
        [[tiles.letters.index(each) for each in row] for row in grid])
    assert content_of(index.astype(np.uint8), tiles, level.form) == path.read_text()


@pytest.mark.parametrize("name, advice", [("a.ldtk", "exported as .tmx")])
def test_maps_that_nobody_reads_say_what_to_do(name, advice, tmp_path):
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / name).write_text('{"type": "map", "layers": [], "width": 60, "height": 14}' * 99)
    (tmp_path / "README.md").write_text("Maps of a game. " * 200)
    for source in (tmp_path, tmp_path / "one" / name):
        with pytest.raises(UserError, match=advice):
            open_data(str(source))
    (tmp_path / "one" / "a.tmx").write_text(tmx(DATA["csv"]))
    report = open_data(str(tmp_path)).report
    assert report.used == 1 and [file.replace("\\", "/") for file, _ in report.broken] == [f"two/{name}"]


@pytest.mark.parametrize(
    "name, content",
    [
        ("plays.txt", "To be or not to be\nthat is the quest\n"),
        ("table.csv", "\n".join(",".join(str((row * place) % 97) for place in range(12)) for row in range(40))),
        ("names.csv", "name,age\nAnn,4\nBob,5\n"),
        ("picture.png", "----\n----\n----"),
        ("poem.txt", "Tiger, tiger,\n    burning bright\nIn the forests\n    of the night,\n\nWhat immortal\n" * 4),
        ("code.txt", "#" * 30 + "\ndef double(x):\n    if x:\n        return 2 * x\n    return 0\n" * 4),
        ("rows.txt", "1 0 0 2\n1 1 0\n0 0 0 0 1\n1 2 0 0\n"),
        ("cells.txt", "a, b, 0000\nc, d, 1111\ne, 22222\n"),
        ("result.txt", "+-------+----+\n| name  | age|\n+-------+----+\n| Anna  | 4\n| Bert  | 55 |\n+-------+----+\n"),
        ("morse.txt", ".... . .-.. .-.. ---\n.-- --- .-. .-.. -..\n- .... . .-. .\n" * 3),
        ("chords.txt", "[Verse]\ne|--------0---|\nB|---1----|\n\n   Am      Em\nAll the leaves are brown\n"),
    ],
)
def test_other_files_are_no_levels(name, content, tmp_path):
    (tmp_path / name).write_text(content)
    assert not looks_like_level(tmp_path / name) and LevelModality.recognises(tmp_path / name) == 0


SOKOBAN = """    #####
    #   #
    #$  #
  ###  $##
  #  $ $ #
### # ## #   ######
#   # ## #####  ..#
# $  $          ..#
##### ### #@##  ..#
    #     #########
    #######"""


def test_lines_that_lost_their_spaces_are_filled_and_a_note_says_so(tmp_path):
    """Editors strip what can't be seen at the end of a line; rows of the sky become empty."""
    for seed in range(4):
        rows = [row.replace("-", " ").rstrip() for row in layout(seed)]
        (tmp_path / f"{seed}.txt").write_text("\n".join(rows) + "\n")
        names = read_file(tmp_path / f"{seed}.txt", "a")[0].names
        assert ["".join(row) for row in names] == [row.replace("-", " ") for row in layout(seed)]
    examples = open_data(str(tmp_path))
    assert examples.modality == "level" and "filled with spaces on the right" in " ".join(examples.report.notes)


def test_texts_that_are_nearly_levels_are_named_and_others_are_not(tmp_path):
    for place in ("levels", "tales"):
        (tmp_path / place).mkdir()
    for seed in range(4):
        rows = layout(seed)
        (tmp_path / "levels" / f"{seed}.txt").write_text("\n".join([*rows[:3], rows[3][:-1], *rows[4:]]))
        (tmp_path / "tales" / f"{seed}.txt").write_text("It was a dark night.\nThe sea was calm now.\n----\n" * 60)
    (note,) = [note for note in open_data(str(tmp_path / "levels")).report.notes if "level" in note]
    width = len(layout(0)[0])
    assert "4 texts look like levels" in note and f"0.txt: line 4 has {width - 1} tiles, others {width}" in note
    assert not any("level" in note for note in open_data(str(tmp_path / "tales")).report.notes)


@pytest.mark.parametrize("titles, between", [("", "\n\n"), ("; 1\n", "\n\n"), ("; 1\n\n", "\n\n\n")])
def test_blank_lines_part_levels(tmp_path, titles, between):
    (tmp_path / "all.txt").write_text(between.join([titles + SOKOBAN] * 3))
    assert looks_like_level(tmp_path / "all.txt")
    levels = read_file(tmp_path / "all.txt", "all.txt")
    assert [level.names.shape for level in levels] == [(11, 19)] * 3 and levels[0].filled == 6


@pytest.mark.parametrize("end, between", [("\r", ""), ("\r\n", ""), ("\n", "\n"), (" \n", "")])
def test_lines_may_end_in_other_ways(tmp_path, end, between):
    rows = layout(0)
    (tmp_path / "a.txt").write_bytes((rows[0] + "\n" + between + (end + between).join(rows[1:]) + end).encode())
    assert looks_like_level(tmp_path / "a.txt")
    (level,) = read_file(tmp_path / "a.txt", "a.txt")
    assert ["".join(row) for row in level.names] == rows and not level.filled


def test_legends_are_json_or_lines():
    assert read_legend('{"tiles": {"X": ["Solid", "ground"]}}') == {"X": ("solid", "ground")}
    assert read_legend("F = FLOOR\nO = ELEMENT + FLOOR (LAVA, WATER)\n") == {"F": ("floor",), "O": ("element", "floor")}
    for text in ("Some words.", '{"nodes": {"e": ["room"]}}', "[]", "[" * 100_000):
        assert read_legend(text) == {}


@pytest.mark.parametrize("ending", [".csv", ".tmx"])
def test_a_level_is_written_back_as_it_was_read(ending, tmp_path):
    path = tmp_path / f"level{ending}"
    path.write_text(tmx(DATA["zlib"]) if ending == ".tmx" else "\n".join(",".join(map(str, row)) for row in GRID))
    level = read_file(path, path.name)[0]
    tiles = TileSet("-XEo", (0, 1, 3, 7), (("empty",), ("solid",), ("enemy",), ("coin",)))
    places = {0: 0, 1: 1, 3: 2, 7: 3}
    grid = np.vectorize(places.__getitem__)(GRID).astype(np.uint8)
    again = tmp_path / f"again{ending}"
    again.write_text(content_of(grid, tiles, level.form, {"prompt": 'a "b" & <c>'}))
    back = read_file(again, again.name)[0]
    np.testing.assert_array_equal(back.names, GRID)
    assert back.form == level.form
    if ending == ".tmx":
        assert LevelModality.read_metadata(again) == {"prompt": 'a "b" & <c>'}
        assert "my &amp; tiles.tsx" in again.read_text()


def test_levels_of_one_format_are_learned_and_a_note_says_so(tmp_path):
    for seed in range(4):
        (tmp_path / f"{seed}.txt").write_text("\n".join(layout(seed)))
    (tmp_path / "other.tmx").write_text(tmx(DATA["csv"]))
    examples = open_data(str(tmp_path))
    assert examples.report.used == 4 and "1 levels in other formats" in " ".join(examples.report.notes)


def test_maps_of_other_tile_sets_are_left_out_and_a_note_says_so(tmp_path):
    (tmp_path / "deep").mkdir()
    for place in range(3):
        (tmp_path / f"{place}.tmx").write_text(tmx(DATA["csv"]))
    same, other = TILESET.replace("my &amp;", "../my &amp;"), TILESET.replace('"1"', '"100"')
    (tmp_path / "deep" / "same.tmx").write_text(tmx(DATA["csv"]).replace(TILESET, same))
    (tmp_path / "deep" / "other.tmx").write_text(tmx(DATA["csv"]).replace(TILESET, other))
    report = open_data(str(tmp_path)).report
    assert report.used == 4 and "1 maps with other tile sets" in " ".join(report.notes)


def test_letters_that_a_legend_omits_mean_what_they_mostly_do(tmp_path):
    for seed in range(3):
        (tmp_path / f"{seed}.txt").write_text("\n".join(layout(seed)))
    (tmp_path / "legend.txt").write_text("X = SOLID, GROUND\nE = ENEMY\no = HAZARD\n")
    examples = open_data(str(tmp_path))
    tiles = examples.parts.levels.tiles
    kinds = dict(zip(tiles.letters, tiles.kinds, strict=True))
    assert examples.parts.rule == "platformer" and kinds["-"] == "empty" and kinds["o"] == "hazard"
    assert "says nothing of -" in " ".join(examples.report.notes)


def test_legends_that_contradict_each_other_are_named(tmp_path):
    for game, meaning in (("a", "ENEMY"), ("b", "COIN")):
        (tmp_path / game).mkdir()
        for seed in range(2):
            (tmp_path / game / f"{seed}.txt").write_text("\n".join(layout(seed + 9 * (game == "b"))))
        (tmp_path / game / "legend.txt").write_text(f"X = SOLID, GROUND\nE = {meaning}\n")
    notes = " ".join(open_data(str(tmp_path)).report.notes)
    assert "b/legend.txt' says otherwise of E than 'a/legend.txt'" in notes.replace("\\", "/")


def test_tile_maps_of_numbers_are_levels_where_there_are_several_or_a_legend(tmp_path):
    from tfgen.modalities.level.open_levels import how_surely

    rows = "\n".join(",".join(str(int(row > 9 or column % 7 == row)) for column in range(30)) for row in range(12))
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(rows + "\n", encoding="utf-8")
    assert how_surely(tmp_path) == 2 and how_surely(tmp_path / "a.csv") == 1
    assert open_data(str(tmp_path)).modality == "level"
    (tmp_path / "b.csv").unlink()
    assert how_surely(tmp_path) == 1
    (tmp_path / "legend.txt").write_text("1 = SOLID\n", encoding="utf-8")
    assert how_surely(tmp_path) == 2 and how_surely(tmp_path / "a.csv") == 2
