"""Windows, words and rules: what is held out leaks nowhere, what is mixed stays whole, words say what is there."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.modalities.image.conftest import real_data
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.modalities.level.embedded import layout
from tfgen.modalities.level.rules import platformer, rooms, usual_rule
from tfgen.modalities.level.tiles import USUAL, TileCount, TileSet
from tfgen.modalities.level.windows import cut, held_out, layers, mixed, window_size


@pytest.fixture(scope="module")
def meadows():
    return open_data("meadows", representation="sequences")


def platform(*lines):
    """A level [1, rows, columns] of a platformer, and its tiles."""
    counted = TileCount(dict(USUAL))
    letters = np.array([list(line) for line in lines])
    counted.add(letters)
    counted.add(np.array([list("-XE<>[]S")]))
    tiles, _ = counted.tile_set()
    return tiles.parse("\n".join(lines))[None], tiles


def test_no_window_of_a_held_out_level_is_learned(meadows):
    parts = meadows.parts
    assert 0 < parts.held.sum() < len(parts.held)
    learned = {window.tobytes() for window in parts.learned.tiles}
    assert not any(window.tobytes() in learned for window in parts.unseen.tiles)


def test_what_is_learned_at_once_begins_with_the_words_of_a_window(meadows):
    settings = SimpleNamespace(batch_size=32, context=64)
    batches = list(meadows.batches(settings, 1, 0, 3))
    codec = meadows.codec
    for tokens, learned in batches:
        assert tokens.shape == (32, 65) and learned.shape == (32, 64)
        for row, own in zip(tokens.numpy(), learned.numpy(), strict=True):
            words = codec.words_asked(row[: np.flatnonzero(row == codec.begin)[0]])
            assert row[len(words)] == codec.begin and not own[: len(words)].any() and own[len(words)]
    again = next(iter(meadows.batches(settings, 1, 2, 3)))
    np.testing.assert_array_equal(again[0], batches[2][0])


def test_copies_of_a_level_stay_together_and_new_levels_move_no_other():
    levels = [np.full([4, 9], value, np.uint8) for value in range(20)]
    alone = held_out(levels, 0.2)
    assert alone.sum() == 4
    np.testing.assert_array_equal(held_out([*levels, *levels], 0.2), [*alone, *alone])
    assert held_out(levels[:2], 0.2).sum() == 1
    assert not held_out(levels, 0).any() and not held_out(levels[:1], 0.5).any()


def test_short_and_narrow_levels_are_filled_above_and_to_the_right():
    level, tiles = platform("--X", "XXX", "XXX")
    windows = cut(list(level), (4, 5), 1, tiles).tiles
    assert windows.shape == (1, 4, 5) and (windows[0, 0] == tiles.background).all()
    np.testing.assert_array_equal(windows[0, 1:, :3], level[0])


def test_levels_made_of_rooms_are_cut_into_rooms():
    tiles = TileSet("-WFD", (), (("void",), ("wall",), ("floor",), ("door",)))
    assert window_size([np.zeros([96, 66], np.uint8)], tiles) == (16, 11)
    assert usual_rule(tiles) == "rooms"


def test_what_is_mixed_is_new_whole_and_made_of_both(meadows):
    parts = meadows.parts
    tiles, own = parts.levels.tiles, parts.learned.tiles[: parts.own]
    made = mixed(own, 200, tiles, seed=0)
    assert len(made) == 200
    known = {window.tobytes() for window in own}
    assert np.mean([window.tobytes() in known for window in made]) < 0.05
    ground = layers(made, tiles)
    pipe = tiles.are("pipe")[made]
    assert pipe.any() and (pipe <= ground).all()
    upper, right = tiles.letters.find("<"), tiles.letters.find(">")
    assert (made[:, :, 1:][made[:, :, :-1] == upper] == right).all()
    np.testing.assert_array_equal(made, mixed(own, 200, tiles, seed=0))


def test_of_what_is_mixed_only_what_can_be_played_is_learned(meadows):
    parts = meadows.parts
    assert len(parts.learned) > parts.own
    assert platformer(parts.learned.tiles[parts.own :], parts.levels.tiles).all()


def test_words_say_what_a_window_has(meadows):
    parts = meadows.parts
    words, tiles, own = parts.words, parts.levels.tiles, parts.learned.tiles[: parts.own]
    borne = words.borne_out(own, tiles)
    places = {text: place for place, text in enumerate(words.texts)}
    pipes = tiles.are("pipe")[own].sum((1, 2))
    np.testing.assert_array_equal(borne[:, places["no pipes"]], pipes == 0)
    assert pipes[borne[:, places["few pipes"]]].max() < pipes[borne[:, places["many pipes"]]].min()
    assert (borne.mean(0) >= 0.05).all() and (borne.mean(0) <= 0.8).all()
    asked = words.prompts(own, tiles, [""] * len(own), seed=3)
    assert {len(each) for each in asked} == {0, 1, 2}
    assert all(borne[place, word] for place, each in enumerate(asked) for word in each)


@pytest.mark.parametrize("prompt", ["many pipes, no gaps", "No Gaps  many pipes", "no gaps and many pipes"])
def test_words_are_typed_in_any_order(prompt, meadows):
    words = meadows.parts.words
    assert sorted(words.texts[place] for place in words.parse(prompt)) == ["many pipes", "no gaps"]


def test_an_unknown_word_gets_the_nearest(meadows):
    with pytest.raises(UserError, match="never saw 'many pips'. Did you mean 'many pipes'"):
        meadows.parts.words.parse("no gaps, many pips")


def test_words_that_no_level_bears_out_together_are_refused(meadows):
    with pytest.raises(UserError, match="No level has 'few pipes' and 'many pipes'. Leave one of them out."):
        meadows.parts.words.parse("no gaps, many pipes, few pipes")


def test_sub_folders_are_games_and_games_are_words(tmp_path):
    for game in ("caves", "hills"):
        (tmp_path / game).mkdir()
        for seed in range(4):
            (tmp_path / game / f"{seed}.txt").write_text("\n".join(layout(seed + 10 * (game == "caves"))))
    examples = open_data(str(tmp_path), representation="arrays")
    assert examples.parts.words.games == ("caves", "hills")
    assert any("caves" in prompt for prompt in examples.prompts)


PLAYABLE = {
    "flat": (["----------"] * 4 + ["XXXXXXXXXX"], True),
    "wall of four": (["----------"] * 2 + ["-----X----"] * 4 + ["XXXXXXXXXX"], True),
    "wall of five": (["----------"] * 2 + ["-----X----"] * 5 + ["XXXXXXXXXX"], False),
    "gap of five": (["-" * 20] * 5 + ["XXXXXXXX-----XXXXXXX"], True),
    "gap of six": (["-" * 20] * 5 + ["XXXXXXX------XXXXXXX"], False),
    "gap over which blocks help": (["-" * 20] * 3 + ["----------SS--------", "-" * 20, "XXXXXXX---------XXXX"], True),
    "a wall to the sky": (["-----X----"] * 5 + ["XXXXXXXXXX"], False),
    "no ground": (["----------"] * 4, False),
}


@pytest.mark.parametrize("lines, wanted", PLAYABLE.values(), ids=PLAYABLE)
def test_a_platformer_can_be_played(lines, wanted):
    level, tiles = platform(*lines)
    assert platformer(level, tiles)[0] == wanted


def test_levels_are_judged_together_as_alone():
    lines = [each for each, _ in PLAYABLE.values() if len(each) == 6 and len(each[0]) == 20]
    level, tiles = platform(*lines[0])
    together = np.concatenate([tiles.parse("\n".join(each))[None] for each in lines])
    np.testing.assert_array_equal(platformer(together, tiles), [platformer(each[None], tiles)[0] for each in together])


def searched(solid, jump, reach):
    """What `platformer` says of one level, place by place."""
    height, width = solid.shape
    edge = min(reach, max(1, width // 3))

    def stands(row, column):
        return not solid[row, column] and row + 1 < height and solid[row + 1, column]

    found = {(row, column, jump, reach) for row in range(height) for column in range(edge) if stands(row, column)}
    waiting = list(found)
    while waiting:
        row, column, up, aside = waiting.pop()
        steps = [(row - 1, column, up - 1, aside), (row + 1, column, 0, aside)]
        steps += [(row, column + way, up, aside - 1) for way in (-1, 1)]
        if stands(row, column):
            steps.append((row, column, jump, reach))
        for step in steps:
            inside = 0 <= step[0] < height and 0 <= step[1] < width and min(step[2:]) >= 0
            if inside and not solid[step[:2]] and step not in found:
                found.add(step)
                waiting.append(step)
    return any(stands(*each[:2]) and each[1] >= width - edge for each in found)


@pytest.mark.parametrize("jump, reach", [(4, 6), (1, 2), (6, 8)])
def test_what_can_be_played_is_what_a_search_finds(jump, reach):
    _, tiles = platform("--", "XX")
    chance = np.random.default_rng(0)
    both = [tiles.solid.tolist().index(each) for each in (False, True)]
    levels = np.stack([np.where(chance.random((7, 12)) < share, *both[::-1]) for share in np.linspace(0.1, 0.6, 70)])
    wanted = [searched(tiles.solid[level], jump, reach) for level in levels]
    assert 5 < sum(wanted) < 65
    np.testing.assert_array_equal(platformer(levels.astype(np.uint8), tiles, jump, reach), wanted)


def test_a_jump_of_too_many_states_is_refused():
    level, tiles = platform("--", "XX")
    with pytest.raises(ValueError, match="64 bits"):
        platformer(level, tiles, 8, 8)


def test_doors_of_a_room_must_connect():
    tiles = TileSet("-WFDP", (), (("void",), ("wall",), ("floor",), ("door",), ("element",)))
    good = tiles.parse("WDW\nWFW\nDFW\nWWW")
    wet = tiles.parse("WDW\nWPW\nDFW\nWWW")
    shut = tiles.parse("WWW\nWFW\nWFW\nWWW")
    np.testing.assert_array_equal(rooms(np.stack([good, wet, shut]), tiles), [True, False, False])


@pytest.mark.parametrize(
    "settings, why",
    [
        ({"window": "wide"}, "'wide' is no size of a window"),
        ({"window": "9999"}, "No level has a window of 9999x12"),
        ({"mix": 2}, "mix must be between 0 and 0.9"),
        ({"piece": 0}, "piece must be between 1 and 64"),
        ({"rule": "platfrmer"}, "Did you mean 'platformer'"),
        ({"split": "all"}, "no part of the levels"),
        ({"codec": "nowhere.json"}, "no codec.json of a run"),
        ({"holdout": 0.9}, "holdout must be between 0 and 0.5"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, why):
    with pytest.raises(UserError, match=why):
        open_data("meadows", **settings)


def test_real_levels():
    mario = open_data(str(real_data("vglc") / "super_mario_bros"), representation="sequences")
    assert mario.report.used == 15 and mario.parts.rule == "platformer" and mario.codec.size == (14, 28)
    zelda = open_data(str(real_data("vglc") / "zelda"), representation="sequences", mix=0)
    assert zelda.report.used == 18 and zelda.parts.rule == "rooms" and zelda.codec.size == (16, 11)
    assert 0.7 < rooms(zelda.parts.learned.tiles, zelda.parts.levels.tiles).mean() < 0.95


def test_of_too_many_windows_every_level_keeps_some(monkeypatch):
    monkeypatch.setattr("tfgen.modalities.level.windows.MOST_WINDOWS", 20)
    tiles = TileSet("-X", (), (("empty",), ("solid",)))
    windows = cut([np.full([4, 30], 1, np.uint8)] * 10, (4, 10), 1, tiles)
    assert len(windows) == 20 and np.bincount(windows.level).tolist() == [2] * 10 and windows.left_out == 190
