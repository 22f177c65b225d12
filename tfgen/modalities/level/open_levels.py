"""A folder of levels, or one, to examples."""

import hashlib
import json
import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from tfgen.data.examples import Prompts, Report, fingerprint_of, short_name
from tfgen.data.request import DataRequest
from tfgen.data.walk import walk
from tfgen.errors import UserError
from tfgen.modalities.level.codec import LevelArrayCodec, LevelSequenceCodec
from tfgen.modalities.level.judging import Judge
from tfgen.modalities.level.reading import (
    ENDINGS, BrokenLevel, Level, candidates, grid_of, is_of_numbers, is_unread, looks_like_level, read_file,
    why_no_level,
)
from tfgen.modalities.level.rules import RULES, usual_rule
from tfgen.modalities.level.tiles import MOST_TILES, TileCount, TileSet, is_solid, kind_of, read_legend
from tfgen.modalities.level.windows import MOST_WINDOWS, Windows, cut, held_out, mixed, window_size
from tfgen.modalities.level.words import Words
from tfgen.representations import SEQUENCES
from tfgen.representations.arrays.examples import ArrayExamples
from tfgen.representations.sequences.examples import SequenceExamples, given_bit

WHAT_IS_READ = "Give text with a letter for each tile, CSV with a number for each, or Tiled's .tmx or .tmj."
DEFAULT_HOLDOUT, DEFAULT_MIX = 0.2, 0.5
_REPEATS = 3  # of every window, each time asked for by other words
_WINDOWS_LEARNED = 6000  # about as many at the most, so that little data comes often and much data once
_GIVEN = given_bit(np.uint16)
_LEGEND_NAMES = ("readme.txt", "legend.txt")
_LEGENDS_LOOKED_AT = 16


@dataclass(frozen=True)
class Levels:
    """All levels of one source, and what belongs to them."""

    grids: list[np.ndarray]  # uint8 [rows, columns]
    games: list[str]
    tiles: TileSet
    form: dict[str, Any]
    report: Report
    name: str


@dataclass(frozen=True)
class Split:
    """Windows to learn and windows of levels that are held out, and what was found out of the first."""

    levels: Levels
    held: np.ndarray  # bool [levels]
    learned: Windows
    unseen: Windows
    words: Words
    rule: str
    own: int  # the first so many of `learned` are from levels as they are

    def games(self, windows: Windows) -> list[str]:
        """The game that each window is of."""
        return [self.levels.games[place] for place in windows.level]

    @property
    def learned_levels(self) -> list[np.ndarray]:
        """The whole levels that windows are learned of."""
        return [grid for grid, held in zip(self.levels.grids, self.held, strict=True) if not held]


@dataclass(frozen=True, eq=False)
class LevelArrays(ArrayExamples):
    """See ArrayExamples; the levels that they are cut from are known too."""

    parts: Split = field(kw_only=True)

    @cached_property
    def judge(self) -> Judge:
        """What knows the levels that were learned; all groups of an evaluation are judged by one."""
        return Judge(self)

    @property
    def has_held_out(self) -> bool:
        return len(self.parts.unseen) > 0


@dataclass(frozen=True, eq=False)
class LevelSequences(SequenceExamples):
    """See SequenceExamples; the levels that they are cut from are known too.

    What is learned at once begins with a window's words: seen without them it would learn to do without.
    """

    parts: Split = field(kw_only=True)

    @cached_property
    def judge(self) -> Judge:
        """What knows the levels that were learned; all groups of an evaluation are judged by one."""
        return Judge(self)

    def count(self, settings: Any) -> int:
        return len(self._beginnings(settings))

    def window_starts(self, settings: Any, seed: int) -> Callable[[Any], Any]:
        import tensorflow as tf

        size, beginnings = settings.batch_size, tf.constant(self._beginnings(settings), tf.int64)
        return lambda part: tf.gather(beginnings, part.order(seed, size, len(beginnings)))

    def _beginnings(self, settings: Any) -> np.ndarray:
        """Where windows begin behind which there are tokens enough, int [n]; the first one does in any case."""
        ends = np.flatnonzero(self.ids(self.part("training")) == self.codec.specification.end)
        starts = np.concatenate([[0], ends[:-1] + 1])
        return starts[starts < max(1, self.training_tokens - settings.context)]


def level_files(folder: Path) -> list[str]:
    """The files below a folder that look like levels, in order."""
    names = candidates((name for name, _ in walk(folder, [])), folder)
    return [name for name in names if looks_like_level(folder / name)]


def note_on_nearly(folder: Path) -> list[str]:
    """What to say where most texts of a folder would be levels if their lines were of one length."""
    names = [name for name, _ in walk(folder, []) if name.lower().endswith(".txt")]
    found = {name: why for name in names if (why := why_no_level(folder / name))}
    if 2 * len(found) <= len(names):
        return []
    name, why = min(found.items())
    which = "1 text looks like a level" if len(found) == 1 else f"{len(found)} texts look like levels"
    return [f"{which} whose lines differ in length ({name}: {why}). To learn levels, make lines equally long."]


def how_surely(path: Path) -> int:
    """See Modality.recognises. One file of whole numbers may as well be a table, unless a legend lies beside it."""
    if path.is_dir():
        found, names = level_files(path), [name for name, _ in walk(path, [])]
        if not found and 2 * sum(map(is_unread, names)) > len(names):
            return 2  # so that a person learns what to do, and not from the README beside them
    elif is_unread(path.name):
        return 2
    else:
        found, names = [path.name] if looks_like_level(path) else [], [each.name for each in path.parent.iterdir()]
    is_one_table = len(found) == 1 and is_of_numbers(path / found[0] if path.is_dir() else path)
    has_legend = any(Path(name).name.lower() in _LEGEND_NAMES for name in names)
    return (1 if is_one_table and not has_legend else 2) if found else 0


def files_of_levels(folder: Path) -> list[str]:
    """Those that are read as levels, and what may be their legends."""
    return [name for name, _ in walk(folder, []) if Path(name).suffix.lower() in (*ENDINGS, ".json", ".tmj")]


def open_levels(request: DataRequest) -> LevelArrays | LevelSequences:
    """Raises UserError where there are no levels, or the settings don't suit them."""
    return examples_of(request, read_levels(request))


def read_levels(request: DataRequest) -> Levels:
    """Every level of a path. Raises UserError where there is none."""
    path = Path(request.source).expanduser()
    broken: list[tuple[str, str]] = []
    if path.is_dir():
        folder = path
        every = (name for name, _ in walk(folder, broken) if Path(name).name.lower() not in _LEGEND_NAMES)
        names = candidates(every, folder)
    else:
        folder, names = path.parent, [path.name]
    found: list[Level] = []
    for place, name in enumerate(names):
        try:
            found += read_file(folder / name, name, request.get("layer"))
        except (BrokenLevel, OSError) as error:
            broken.append((name, str(error) if isinstance(error, BrokenLevel) else error.strerror or "unreadable"))
        request.report_progress(place + 1, len(names))
    return _checked(request, path, found, broken, *_legend(folder, names))


def _checked(
    request: DataRequest, path: Path, found: list[Level], broken: list[tuple[str, str]],
    legend: Mapping[str, tuple[str, ...]], notes: list[str],
) -> Levels:
    """Those of the commonest format, with one tile set. Raises UserError where there is none."""
    source = request.shown_source
    if not found:
        first = f": {broken[0][0]} is broken ({broken[0][1]})" if broken else ""
        raise UserError(f"There are no levels in '{source}' that can be read{first}.", WHAT_IS_READ)
    formats = [(level.form["ending"], level.names.dtype.kind) for level in found]
    usual = max(dict.fromkeys(formats), key=formats.count)
    if len(set(formats)) > 1:
        others = sum(each != usual for each in formats)
        notes.append(f"{others} levels in other formats than {usual[0]} are left out, since they have other tiles.")
        found = [level for level, each in zip(found, formats, strict=True) if each == usual]
    found = _of_commonest_tile_sets(found, notes)
    notes.extend(_notes_on_reading(found))
    counted = TileCount(dict(legend))
    for level in found:
        counted.add(level.names)
    known = _known(request)
    if len(counted.counts) > MOST_TILES:
        what = f"The levels have {len(counted.counts)} different tiles, and at most {MOST_TILES} can be learned."
        raise UserError(what, "Give levels of one tile set, or one --set layer=NAME of them.")
    tiles, places = counted.tile_set() if known is None else _known_tiles(source, known, counted)
    unknown = [letter for letter, tags in zip(tiles.letters, tiles.tags, strict=True) if not tags]
    if unknown and legend:
        notes.append(f"The legend says nothing of {', '.join(unknown)}; they count as scenery.")
    usual_ones = [letter for letter in tiles.letters if letter not in legend and letter not in unknown]
    if usual_ones and legend and known is None and not tiles.numbers:
        notes.append(f"The legend says nothing of {', '.join(usual_ones)}; they are taken as VGLC uses them.")
    report = Report(len(found) + len(broken), len(found), broken, notes)
    grids, games = [grid_of(level, places) for level in found], [level.game for level in found]
    return Levels(grids, games, tiles, found[0].form, report, short_name(path.stem))


def _known_tiles(source: str, known: Mapping[str, Any], counted: TileCount) -> tuple[TileSet, dict[Any, int]]:
    """A run's tiles, and the place of each name. Raises UserError where levels have others."""
    tiles = TileSet.from_json(known["tiles"])
    places = {name: place for place, name in enumerate(tiles.numbers or tiles.letters)}
    strange = sorted(str(name) for name in counted.counts if name not in places)
    if strange:
        what = f"'{source}' has tiles that the run never saw: {', '.join(strange[:10])}."
        raise UserError(what, "Give levels of the same tile set.")
    return tiles, places


def _of_commonest_tile_sets(found: list[Level], notes: list[str]) -> list[Level]:
    """Maps of other tile sets of Tiled are left out: there the same number is another tile."""
    keys = [_tile_sets(level) for level in found]
    usual = max(dict.fromkeys(keys), key=keys.count)
    others = sum(key != usual for key in keys)
    if others:
        notes.append(f"{others} maps with other tile sets than most are left out, since numbers differ.")
    return [level for level, key in zip(found, keys, strict=True) if key == usual]


def _notes_on_reading(found: list[Level]) -> list[str]:
    """How levels differ from what their files hold."""
    hidden, filled, notes = sum(level.hidden for level in found), sum(level.filled for level in found), []
    if hidden:
        which = "layer that is hidden in Tiled is" if hidden == 1 else "layers that are hidden in Tiled are"
        notes.append(f"{hidden} {which} left out. To learn one: --set layer=NAME")
    if filled:
        which = "line was shorter than others and was" if filled == 1 else "lines were shorter than others and were"
        notes.append(f"{filled} {which} filled with spaces on the right.")
    return notes


def _tile_sets(level: Level) -> tuple[tuple[str, str], ...]:
    """Of each tile set of a .tmx its first number and which it is: its file, from the source's folder, or its name."""
    sets = map(ElementTree.fromstring, level.form.get("tilesets", ()))
    folder = posixpath.dirname(level.name.replace("\\", "/"))

    def which(tile_set: Any) -> str:
        source = tile_set.get("source")
        return posixpath.normpath(posixpath.join(folder, source)) if source else tile_set.get("name", "")

    return tuple((each.get("firstgid", ""), which(each)) for each in sets)


def _legend(folder: Path, names: list[str]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """What tiles are, from beside the levels or up to a folder above the source: VGLC's lies above the levels. And
    notes where the legend of another sub-folder says otherwise."""
    below = dict.fromkeys(above for name in names for above in (folder / name).parents if folder in above.parents)
    first, of_first, notes = {}, None, []
    for place in dict.fromkeys((*list(below)[:_LEGENDS_LOOKED_AT], folder, folder.parent)):
        if first and place == folder.parent:
            break
        try:
            files = sorted(each for each in place.iterdir() if _may_be_legend(each))
        except OSError:
            continue
        for file in files[:_LEGENDS_LOOKED_AT]:
            try:
                legend = read_legend(file.read_text(encoding="utf-8-sig")) if file.stat().st_size < 2**20 else {}
            except (OSError, UnicodeDecodeError):
                continue
            if not legend:
                continue
            if not first:
                first, of_first = legend, file
            otherwise = sorted(name for name in legend if _is(first.get(name, legend[name])) != _is(legend[name]))
            if otherwise:
                notes.append(
                    f"'{file.relative_to(folder)}' says otherwise of {', '.join(otherwise)} than "
                    f"'{of_first.relative_to(folder)}', which is used for all levels; learn its levels alone."
                )
            break
    return first, notes


def _is(tags: tuple[str, ...]) -> tuple[str, bool]:
    return kind_of(tags), is_solid(tags)


def _may_be_legend(file: Path) -> bool:
    return file.suffix.lower() == ".json" or file.name.lower() in _LEGEND_NAMES


def examples_of(request: DataRequest, levels: Levels) -> LevelArrays | LevelSequences:
    """Levels as the request wants them. Raises UserError where the settings don't suit them."""
    known = _known(request)
    rule = request.get("rule") or (known["rule"] if known else usual_rule(levels.tiles))
    RULES.load(rule)
    size = tuple(known["window"]) if known else _size(request, levels)
    held = held_out(levels.grids, request.get("holdout", DEFAULT_HOLDOUT))
    aligned = size[1] if _is_aligned(levels, size) else 0
    every = cut(levels.grids, size, aligned or 1, levels.tiles)
    learned = every.of(~held)
    unseen = cut(levels.grids, size, aligned or max(1, size[1] // 4), levels.tiles).of(held)
    if every.left_out:
        note = f"{every.left_out} windows are left out, evenly over all levels; {MOST_WINDOWS} are used."
        report = replace(levels.report, notes=[*levels.report.notes, note])
        levels = replace(levels, report=report)
    if not len(learned):
        raise UserError(f"'{request.shown_source}' has nothing but empty levels.", WHAT_IS_READ)
    if known:
        words = Words.from_json(known["words"])
    else:
        words = Words.of(learned.tiles, levels.tiles, [levels.games[each] for each in learned.level])
    with_mixed = learned if known else _with_mixed(request, learned, levels, rule)
    parts = Split(levels, held, with_mixed, unseen, words, rule, len(learned))
    return (_sequences if request.representation == SEQUENCES else _arrays)(request, parts, known)


def _known(request: DataRequest) -> dict[str, Any] | None:
    """What a run has found out of its own levels, where others are to be read as these."""
    path = request.get("codec")
    if path is None:
        return None
    try:
        return json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"'{path}' is no codec.json of a run.", "Give that of a run of levels.") from error


def _is_aligned(levels: Levels, size: tuple[int, int]) -> bool:
    """Whether levels are made of rooms of just this size."""
    rooms = all(grid.shape[0] % size[0] == 0 and grid.shape[1] % size[1] == 0 for grid in levels.grids)
    return rooms and any(grid.shape[0] > size[0] for grid in levels.grids)


def _size(request: DataRequest, levels: Levels) -> tuple[int, int]:
    usual = window_size(levels.grids, levels.tiles)
    wanted = request.get("window")
    if wanted is None:
        return usual
    columns, rows = wanted
    rows = rows or usual[0]
    widest, tallest = (max(grid.shape[axis] for grid in levels.grids) for axis in (1, 0))
    if columns > widest or rows > tallest:
        what = f"No level has a window of {columns}x{rows}: the largest has {widest} columns and {tallest} rows."
        raise UserError(what, f"Set window to {min(columns, widest)}x{min(rows, tallest)} or less.")
    return rows, columns


def _with_mixed(request: DataRequest, learned: Windows, levels: Levels, rule: str) -> Windows:
    """The windows that are learned, and some that are mixed of two: of these only such as can be played."""
    share = request.get("mix", DEFAULT_MIX)
    count = min(round(share / (1 - share) * len(learned)), _WINDOWS_LEARNED)
    if not count:
        return learned
    found = []
    for game in dict.fromkeys(levels.games):
        own = learned.of(np.array([each == game for each in levels.games]))
        wanted = round(count * len(own) / len(learned))
        new = mixed(own.tiles, 2 * wanted, levels.tiles, seed=0) if wanted else own.tiles[:0]
        new = new[RULES.load(rule)(new, levels.tiles)][:wanted] if len(new) else new
        found.append(Windows(new, np.full(len(new), levels.games.index(game), np.int32)))
    return Windows(
        np.concatenate([learned.tiles, *(each.tiles for each in found)]),
        np.concatenate([learned.level, *(each.level for each in found)]),
    )


def _arrays(request: DataRequest, parts: Split, known: Mapping[str, Any] | None) -> LevelArrays:
    """Every window with some of its words as its prompt; of split=test those of the levels that are held out."""
    levels, windows = parts.levels, parts.unseen if request.get("split") == "test" else parts.learned
    if not len(windows):
        raise UserError(f"'{request.shown_source}' has no levels that are held out.", "Leave split out.")
    chosen = parts.words.prompts(windows.tiles, levels.tiles, parts.games(windows), seed=0, least=1)
    texts = [parts.words.text(each) for each in chosen]
    prompts = Prompts.of_texts(texts, kind="captions") if any(texts) else Prompts.none(len(texts))
    tiles = windows.tiles
    tiles.setflags(write=False)
    codec = LevelArrayCodec.of(tiles.shape[1:], len(tiles), levels.tiles, parts.words, levels.form, parts.rule)
    fingerprint = fingerprint_of(tiles.shape, hashlib.sha256(tiles.tobytes()).hexdigest(), prompts)
    return LevelArrays(
        "level", request.shown_source, levels.name, tiles, prompts.distinct, prompts.index, prompts.kind, codec,
        levels.report, fingerprint, parts=parts,
    )


def _sequences(request: DataRequest, parts: Split, known: Mapping[str, Any] | None) -> LevelSequences:
    """Every window some times, each time asked for by other words; those of held-out levels behind."""
    levels, tiles = parts.levels, parts.learned.tiles
    rows = tiles.shape[1]
    if known:
        codec = LevelSequenceCodec.from_json(known)
    else:
        piece = min(request.get("piece") or -(-rows // 2), rows)
        codec = LevelSequenceCodec.learned(tiles, piece, levels.tiles, parts.words, levels.form, parts.rule)
    repeats = max(1, min(_REPEATS, _WINDOWS_LEARNED // len(tiles)))
    training = np.concatenate([_documents(codec, parts, parts.learned, seed) for seed in range(repeats)])
    values = np.concatenate([training, _documents(codec, parts, parts.unseen, repeats)])
    values.setflags(write=False)
    codec = codec.counting(len(training))
    if codec.specification.vocabulary_size > _GIVEN:  # one bit of 16 says what was given
        what = f"The run has {codec.specification.vocabulary_size} different tokens, more than can be stored."
        raise UserError(what, "Fit it again with --set piece=... of fewer rows.")
    units = codec.units()[values % _GIVEN] * (values < _GIVEN)
    digest = hashlib.sha256(values.tobytes() + json.dumps(codec.to_json(), sort_keys=True).encode())
    return LevelSequences(
        "level", request.shown_source, levels.name, values, len(training), int(units[: len(training)].sum()),
        int(units[len(training) :].sum()), (len(tiles) * repeats, len(parts.unseen)), codec, levels.report,
        digest.hexdigest(), parts=parts,
    )


def _documents(codec: LevelSequenceCodec, parts: Split, windows: Windows, seed: int) -> np.ndarray:
    """Windows end to end in a random order, each behind the words that ask for it, as tokens are stored."""
    asked = codec.word_set.prompts(windows.tiles, codec.tiles, parts.games(windows), seed)
    end, found = np.array([codec.specification.end], np.uint16), [np.zeros(0, np.uint16)]
    for place in np.random.default_rng([seed, 23]).permutation(len(windows)).tolist():
        opening = codec.opening_ids(asked[place]).astype(np.uint16) | np.uint16(_GIVEN)
        found += [opening, codec.window_ids(windows.tiles[place]).astype(np.uint16), end]
    return np.concatenate(found)
