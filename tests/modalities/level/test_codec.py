"""Levels as arrays and as tokens, and as files and pictures: nothing is lost on the way."""

import json
import pickle

import numpy as np
import pytest
import tensorflow as tf

from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.generate import Origin
from tfgen.modalities.level.codec import LevelArrayCodec, LevelSequenceCodec
from tfgen.modalities.level.drawing import SIDE, pictures
from tfgen.modalities.level.modality import LevelModality
from tfgen.representations.sequences.adherence import draw_as_asked, lacking_in


@pytest.fixture(scope="module")
def meadows():
    return open_data("meadows", representation="sequences", window="20")


@pytest.mark.parametrize("piece", [1, 5, 12])
def test_every_window_comes_back_from_its_tokens(piece, meadows):
    windows = meadows.parts.unseen.tiles
    codec = LevelSequenceCodec.learned(
        meadows.parts.learned.tiles[::9], piece, meadows.codec.tiles, meadows.codec.word_set, {"ending": ".txt"}, "none"
    )
    for window in windows:
        ids = codec.window_ids(window)
        np.testing.assert_array_equal(codec.grid(ids), window)
        assert codec.units()[ids].sum() == window.size
        np.testing.assert_array_equal(codec.encode(codec.written(ids)), ids)


def test_any_ids_are_a_level_and_pieces_stand_where_they_belong(meadows):
    codec = meadows.codec
    chance = np.random.default_rng(0)
    for _ in range(50):
        ids = chance.integers(0, codec.specification.vocabulary_size, 60)
        grid = codec.grid(ids)
        assert grid.shape[0] == 12 and grid.max(initial=0) < len(codec.tiles)
        assert codec.rows(ids).count("\n") == 11
    upper = next(place for place, (start, _) in enumerate(codec.pieces) if start > 0)
    column = codec.grid([2 * len(codec.tiles) + upper])[::-1, 0]
    start, tiles = codec.pieces[upper]
    assert bytes(column[start : start + len(tiles)]) == tiles and (column[:start] == codec.tiles.background).all()


def test_tokens_that_come_one_by_one_are_shown_when_the_level_is_whole(meadows):
    codec = meadows.codec
    ids = codec.window_ids(meadows.parts.unseen.tiles[0])
    stream = codec.stream()
    assert "".join(map(stream.push, ids)) == "" and stream.finish() == codec.written(ids)


def test_a_prompt_is_words_or_the_beginning_of_a_level(meadows):
    codec = meadows.codec
    opening = codec.prompt_ids("no gaps, many pipes")
    assert [codec.word_set.texts[place] for place in codec.words_asked(opening)] == ["many pipes", "no gaps"]
    assert opening[-1] == codec.begin == codec.prompt_ids("")[-1]
    start = codec.written(codec.window_ids(meadows.parts.unseen.tiles[0][:, :5]))
    np.testing.assert_array_equal(codec.grid(codec.prompt_ids(start)), meadows.parts.unseen.tiles[0][:, :5])
    both = codec.prompt_ids(f"no gaps\n{start}")
    assert len(codec.words_asked(both)) == 1 and codec.grid(both).shape == (12, 5)
    np.testing.assert_array_equal(codec.prompt_ids(codec.written(both)), both)
    with pytest.raises(UserError, match="has 2 rows, those that were learned have 12"):
        codec.prompt_ids("--\n--")
    with pytest.raises(UserError, match="'Z' is no tile"):
        codec.prompt_ids("\n".join(["-Z"] * 12))


def test_the_words_of_a_level_are_its_columns_however_it_comes(meadows):
    codec, ids = meadows.codec, meadows.codec.window_ids(meadows.parts.unseen.tiles[0])
    assert codec.words(codec.written(ids)) == codec.words(codec.decode(ids)) != []


def test_codecs_come_back_from_json(meadows):
    state = json.loads(json.dumps(meadows.codec_json()))
    again = LevelModality.restore_codec(state, lambda name: b"")
    assert again.to_json() == meadows.codec.to_json() and again.token_bytes() == meadows.codec.token_bytes()
    arrays = open_data("meadows", representation="arrays", holdout=0, mix=0)
    again = LevelModality.restore_codec(json.loads(json.dumps(arrays.codec_json())), lambda name: b"")
    assert isinstance(again, LevelArrayCodec) and again.to_json() == arrays.codec.to_json()
    values = arrays.values[:5]
    np.testing.assert_array_equal(again.decode(again.encode(values)), values)
    np.testing.assert_array_equal(again.encode(tf.constant(values)), again.encode(values))


def test_held_out_levels_are_read_as_a_run_reads_its_own(meadows, tmp_path):
    (tmp_path / "codec.json").write_text(json.dumps(meadows.codec_json()))
    other = open_data("meadows", representation="sequences", codec=str(tmp_path / "codec.json"), holdout=0)
    assert other.codec.token_bytes() == meadows.codec.token_bytes() and other.codec.size == (12, 20)


def test_pictures_show_what_a_tile_is(meadows, tmp_path):
    codec = meadows.codec
    grid = meadows.parts.unseen.tiles[0]
    drawn = pictures(grid[None], codec.tiles)[0]
    assert drawn.shape == (12 * SIDE, 20 * SIDE, 3)
    looks = {}
    for place in range(len(codec.tiles)):
        (looks.setdefault(pictures(np.array([[[place]]], np.uint8), codec.tiles).tobytes(), [])).append(place)
    # Of pipes the two sides may look alike.
    assert len(looks) >= len(codec.tiles) - 2
    kind = LevelModality.of_codec(codec)
    kind.save_text_sheet(tmp_path / "sheet.png", [codec.written(codec.window_ids(grid))] * 3, {"seed": "0"})
    assert kind.read_metadata(tmp_path / "sheet.png")["seed"] == "0"
    assert "<img" in kind.as_html(grid, "a level") and "<pre" in kind.as_html("no level", "words")
    assert LevelModality._pictures([grid])[0].shape == drawn.shape  # as of a server


def test_a_level_is_saved_in_the_format_that_was_read(meadows, tmp_path):
    kind = LevelModality.of_codec(meadows.codec)
    grid = meadows.parts.unseen.tiles[0]
    kind.save(tmp_path / "a.txt", grid, {})
    lines = (tmp_path / "a.txt").read_text().splitlines()
    assert lines == meadows.codec.tiles.rows(grid) == kind.as_text(grid).split("\n")


def test_of_too_many_pieces_the_commonest_are_tokens_and_no_window_is_lost(meadows, monkeypatch):
    monkeypatch.setattr("tfgen.modalities.level.codec.MOST_TOKENS", 50)
    known = meadows.codec.tiles, meadows.codec.word_set, {"ending": ".txt"}, "none"
    codec = LevelSequenceCodec.learned(meadows.parts.learned.tiles[::9], 6, *known)
    assert codec.specification.vocabulary_size == 50 and (6, bytes(6)) in codec.pieces  # of nothing but sky
    for window in meadows.parts.unseen.tiles[:20]:
        np.testing.assert_array_equal(codec.grid(codec.window_ids(window)), window)


def test_a_text_with_words_above_is_saved_and_what_is_no_level_is_refused(meadows, tmp_path):
    kind, codec = LevelModality.of_codec(meadows.codec), meadows.codec
    ids = np.concatenate([codec.prompt_ids("no gaps"), codec.window_ids(meadows.parts.unseen.tiles[0])])
    kind.save_text(tmp_path / "a.txt", codec.written(ids), {})
    assert (tmp_path / "a.txt").read_text() == codec.rows(ids) + "\n"
    with pytest.raises(UserError, match="The text for 'b.txt' is no level. Write a line for each row"):
        kind.save_text(tmp_path / "b.txt", "Nothing of the kind", {})


def test_a_codec_whose_files_would_end_otherwise_is_refused(meadows):
    state = {**meadows.codec_json(), "form": {"ending": "/../../x"}}
    with pytest.raises(ValueError, match="no ending of levels"):
        LevelModality.restore_codec(state, lambda name: b"")


def test_a_run_has_one_class_and_what_made_a_sample_can_be_sent_elsewhere(meadows):
    kind = LevelModality.of_codec(meadows.codec)
    assert LevelModality.of_codec(meadows.codec) is kind
    origin = Origin("run", "gpt", "level", kind=kind)
    assert pickle.loads(pickle.dumps(origin)) == origin and origin.written_by is kind


def test_the_example_for_phones_puts_tokens_together_as_tfgen_does(meadows):
    codec, example = meadows.codec, _example_for_phones(meadows.codec)
    pieces, chance = [each.decode() for each in codec.token_bytes()], np.random.default_rng(1)
    for _ in range(50):
        ids = chance.integers(0, codec.begin, 60)
        columns = example["columns_of"](ids.tolist(), pieces)
        rows = ["".join(column[row] for column in columns) for row in reversed(range(codec.size[0]))]
        assert "\n".join(rows) == codec.rows(ids)


def _example_for_phones(codec):
    from string import Template

    source = (LevelModality.of_codec(codec).app_templates() / "example.py").read_text(encoding="utf-8")
    words = {"name": "meadows", "file": "f", "ends": "0", **LevelModality.app_words(codec)}
    example = {"__name__": "example", "__file__": __file__}
    exec(Template(source).substitute(words), example)
    return example


@pytest.mark.parametrize("known_alone", [False, True])  # single tiles alone, or pieces that leave columns unfinished
def test_words_are_counted_in_tokens_as_in_a_level(known_alone, meadows):
    codec, chance = meadows.codec, np.random.default_rng(2)
    words, example = codec.word_set, _example_for_phones(codec)
    last = 2 * len(codec.tiles) if known_alone else codec.begin + 2
    pieces = [each.decode() for each in codec.token_bytes()]
    count, seen = tf.function(codec.adherence.lacking, autograph=False, reduce_retracing=True), set()
    for _ in range(100):
        asked = sorted(chance.choice(len(words.measured), 2, replace=False).tolist())
        prompt, ids = codec.opening_ids(asked).tolist(), chance.integers(0, last, chance.integers(0, 80)).tolist()
        borne_out = words.borne_out(codec.grid(ids)[None], codec.tiles)[0]
        lacking = int((~borne_out[asked]).sum())
        assert lacking_in(count, prompt, [ids, []])[0] == lacking
        columns, texts = example["columns_of"](ids, pieces), [words.texts[place] for place in asked]
        assert example["lacking"](columns, texts) == lacking
        seen.add(lacking)
    assert seen == {0, 1, 2} and codec.adherence.asks(prompt) and not codec.adherence.asks([codec.begin])


def test_the_columns_of_a_prompt_count_too(meadows):
    codec = meadows.codec
    count, without = tf.function(codec.adherence.lacking, autograph=False, reduce_retracing=True), 0
    for window in meadows.parts.unseen.tiles[::5]:
        asked = np.flatnonzero(codec.word_set.borne_out(window[None], codec.tiles)[0]).tolist()
        half = window.shape[1] // 2
        opening = codec.opening_ids(asked).tolist()
        first, second = (codec.window_ids(part).tolist() for part in (window[:, :half], window[:, half:]))
        assert lacking_in(count, [*opening, *first], [second]) == [0]
        without += lacking_in(count, opening, [second])[0]
    assert without > 0


def test_of_several_attempts_the_first_that_lacks_least_is_kept():
    """A row that has what it asks for is drawn once; the others as often as they may be."""

    class Asked:
        def lacking(self, prompts, prompt_lengths, tokens, lengths):
            return tf.maximum(0, prompts[:, 0] - tokens[:, 0])

    drawn = []

    def draw(rows, seeds):
        drawn.append(seeds.numpy().tolist())
        count = len(drawn) * tf.ones_like(seeds)
        return tf.stack([tf.minimum(count, 3), count], axis=1), 2 * tf.ones_like(seeds)

    prompts = tf.constant([[1], [3], [9], [9]])
    given = prompts, tf.ones([4], tf.int32), tf.constant([5, 6, 7, 8])
    tokens, lengths, lacking = draw_as_asked(draw, Asked(), tf.constant([5, 5, 5, 1]), *given, 4, -1)
    assert tokens.numpy().tolist() == [[1, 1, -1, -1], [3, 3, -1, -1], [3, 3, -1, -1], [1, 1, -1, -1]]
    assert lacking.numpy().tolist() == [0, 0, 6, 8]
    assert lengths.numpy().tolist() == [2] * 4 and list(map(len, drawn)) == [4, 2, 2, 1, 1]
    assert drawn[0] == [5, 6, 7, 8] and len({*drawn[0], *drawn[1], *drawn[2], *drawn[3]}) == 9
