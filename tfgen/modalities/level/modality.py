"""Levels of games, as arrays of tiles and as sequences of pieces of columns."""

import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tfgen.console import command_line, count as in_words
from tfgen.console import several
from tfgen.data.examples import fit_command
from tfgen.data.request import DataRequest
from tfgen.data.settings import DataSetting, between, check_holdout
from tfgen.errors import UserError
from tfgen.modalities.base import Concern, Modality
from tfgen.representations import ARRAYS, SEQUENCES
from tfgen.representations.base import Codec, Examples
from tfgen.trust.provenance import write_marked

if TYPE_CHECKING:
    from tfgen.modalities.level.open_levels import LevelArrays, LevelSequences
    from tfgen.modalities.level.tiles import TileSet

_ENOUGH_WINDOWS = 300


def _check_window(size: Any) -> tuple[int, int]:
    """Columns and rows, 0 for all rows."""
    found = re.fullmatch(r"(\d{1,4})(?:\s*x\s*(\d{1,4}))?", str(size).strip().lower())
    if not found or int(found[1]) < 3 or not (found[2] is None or int(found[2]) >= 3):
        raise UserError(f"'{size}' is no size of a window.", "Set window to its columns, or to columns x rows: 28x14.")
    return int(found[1]), int(found[2] or 0)


def _check_split(part: Any) -> str:
    if part not in ("train", "test"):
        raise UserError(f"'{part}' is no part of the levels.", "Set split to train or test.")
    return part


class LevelModality(Modality):
    """See Modality."""

    name = "level"
    singular, plural = "level", "levels"
    representations = (ARRAYS, SEQUENCES)
    can_be_private = False  # windows overlap, so what is in one is in others too
    file_kinds = (".tmx", ".tmj")
    settings = {
        "window": DataSetting(
            _check_window, "columns, or columns x rows, of the windows that levels are cut into", "28 and all rows"
        ),
        "holdout": DataSetting(check_holdout, "the share of levels that are not learned, to judge by, 0 to 0.5", "0.2"),
        "mix": DataSetting(
            between("mix", 0, 0.9, "It is the share of windows mixed of two."),
            "the share of windows put together of two: what stands in one, what floats in the other, 0 to 0.9",
            "0.5",
        ),
        "piece": DataSetting(
            between("piece", 1, 64, "It is how many rows of a column are a token.", int),
            "gpt: how many rows of a column are one token, 1 to 64",
            "half of them",
        ),
        "layer": DataSetting(str, "the layer of tiles that is read of a map of Tiled", "all, laid over each other"),
        "rule": DataSetting(
            str, "what can be played: platformer, rooms, none, or one of another package", "by the legend"
        ),
        "split": DataSetting(_check_split, "gan and vae: train, or test for the levels that are held out", "train"),
        "codec": DataSetting(str, "the codec.json of a run, whose tiles and words are used", "found from the data"),
    }

    # Reading.

    @classmethod
    def recognises(cls, source: Any) -> int:
        if not isinstance(source, Path):
            return 0
        from tfgen.modalities.level.open_levels import how_surely

        return how_surely(source)

    @classmethod
    def files_in(cls, folder: Path) -> list[str]:
        from tfgen.modalities.level.open_levels import level_files

        return level_files(folder)

    @classmethod
    def files_beside(cls, folder: Path) -> list[str]:
        """Levels may be taken for texts or tables, and legends for others."""
        from tfgen.modalities.level.open_levels import files_of_levels

        return files_of_levels(folder)

    @classmethod
    def nearly_in(cls, folder: Path) -> list[str]:
        from tfgen.modalities.level.open_levels import note_on_nearly

        return note_on_nearly(folder)

    @classmethod
    def open(cls, request: DataRequest) -> "LevelArrays | LevelSequences":
        from tfgen.modalities.level.open_levels import open_levels

        return open_levels(request)

    @classmethod
    def restore_codec(cls, state: Mapping[str, Any], read: Callable[[str], bytes]) -> Codec:
        from tfgen.modalities.level.codec import LevelArrayCodec, LevelSequenceCodec

        return (LevelSequenceCodec if "pieces" in state else LevelArrayCodec).from_json(state)

    @classmethod
    def codec_settings(cls, codec: Codec, run_folder: Path) -> dict[str, Any]:
        return {"codec": str(run_folder / "codec.json")}

    @classmethod
    def held_out_settings(cls, examples: Examples, settings: Mapping[str, Any], run_folder: Path) -> dict[str, Any]:
        same = {name: settings[name] for name in ("layer", "holdout") if name in settings}
        return {**same, **cls.codec_settings(examples.codec, run_folder)}

    # In words.

    @classmethod
    def describe(cls, examples: "LevelArrays | LevelSequences") -> list[str]:
        from tfgen.modalities.level.rules import NO_RULE

        parts, report = examples.parts, examples.report
        rows, columns = parts.learned.tiles.shape[1:]
        mixed = len(parts.learned) - parts.own
        of_two = f", {in_words(mixed)} of them mixed of two" if mixed else ""
        playable = f"Playable is what passes the rule '{parts.rule}'."
        if parts.rule == NO_RULE:
            playable = "No rule says what can be played."
        ending, learned = parts.levels.form["ending"], in_words(len(parts.learned_levels))
        tiles = parts.levels.tiles
        known = ", ".join(f"{letter} {kind}" for letter, kind in zip(tiles.letters, tiles.kinds, strict=True))
        words = parts.words.texts
        asked = f"They can be asked for by: {', '.join(words)}." if words else "No words tell them apart."
        return [
            f"{several(report.used, 'level')} ({ending}). Of {learned} there are "
            f"{several(len(parts.learned), 'window')} of {columns} columns and {rows} rows to learn{of_two}.",
            f"{len(tiles)} tiles: {known}.",
            f"{asked} {playable}",
            _holdout_sentence(parts),
        ]

    @classmethod
    def summary(cls, examples: "LevelArrays | LevelSequences") -> str:
        rows, columns = examples.parts.learned.tiles.shape[1:]
        levels = several(len(examples.parts.learned_levels), "level")
        return f"{len(examples.parts.learned)} windows of {columns}x{rows} tiles of {levels}"

    @classmethod
    def facts(cls, examples: "LevelArrays | LevelSequences") -> dict[str, Any]:
        parts = examples.parts
        return {
            "count": examples.report.used,
            "representation": examples.representation,
            "windows": {"training": len(parts.learned), "holdout": len(parts.unseen)},
            "window": list(parts.learned.tiles.shape[1:]),
            "tiles": dict(zip(parts.levels.tiles.letters, parts.levels.tiles.kinds, strict=True)),
            "words": list(parts.words.texts),
            "rule": parts.rule,
        }

    @classmethod
    def next_step(cls, examples: "LevelArrays | LevelSequences", data: Sequence[str], settings: Sequence[str]) -> str:
        command = fit_command("gpt", data, settings)
        if len(examples.parts.learned) >= _ENOUGH_WINDOWS:
            return command
        return f"add more levels, since some hundred windows learn well, or: {command}"

    @classmethod
    def usual_model(cls) -> str:
        return "gpt"

    @classmethod
    def first_command(cls, codec: Mapping[str, Any], run: str) -> str:
        known = codec["words"]["measured"]
        return command_line("generate", run, *(known[-1][:1] if known else ()))

    # Outside. What a file is like, and how a tile is drawn, is known with a run's codec alone.

    codec: ClassVar[Any] = None
    sheet_ending = ".png"
    text_sheet_endings = (".png",)
    array_name = "levels"
    ending = text_ending = ".txt"

    @classmethod
    def of_codec(cls, codec: Codec) -> type[Modality]:
        if codec.written_by is None:
            ending = codec.form["ending"]
            codec.written_by = type(cls.__name__, (cls,), {"codec": codec, "ending": ending, "text_ending": ending})
        return codec.written_by

    @classmethod
    def _grid(cls, value: Any) -> np.ndarray:
        """Tiles uint8 [rows, columns] of stored ones, or of a text as a sequence's codec writes it, with words or not.
        Raises ValueError where a text is none."""
        if not isinstance(value, str):
            return np.asarray(value, np.uint8)
        lines = value.strip("\n").split("\n")
        has_words = cls.codec is not None and len(lines) == cls.codec.size[0] + 1
        return cls._tiles().parse("\n".join(lines[has_words:]))

    @classmethod
    def _tiles(cls) -> "TileSet":
        """A run's own; elsewhere tiles of which nothing but their number is known."""
        from tfgen.modalities.level.tiles import numbered_tiles

        return cls.codec.tiles if cls.codec is not None else numbered_tiles()

    @classmethod
    def _pictures(cls, values: Sequence[Any]) -> np.ndarray:
        """Levels of any width side by side in one array: uint8 [n, height, width, 3]."""
        from tfgen.modalities.level.drawing import pictures

        grids = [cls._grid(value) for value in values]
        rows, columns = (max(1, *(grid.shape[axis] for grid in grids)) for axis in (0, 1))
        filled = np.full([len(grids), rows, columns], 255, np.uint8)
        for place, grid in enumerate(grids):
            filled[place, : grid.shape[0], : grid.shape[1]] = grid
        return pictures(filled, cls._tiles())

    @classmethod
    def as_file(cls, value: np.ndarray, metadata: Mapping[str, str]) -> bytes:
        from tfgen.modalities.level.writing import content_of

        form = cls.codec.form if cls.codec is not None else {"ending": cls.ending}
        # Text and CSV have no room for what is said of a level; their names have prompt and seed.
        return content_of(cls._grid(value), cls._tiles(), form, metadata).encode()

    @classmethod
    def save(cls, path: Path, value: np.ndarray, metadata: Mapping[str, str]) -> None:
        try:
            content = cls.as_file(value, metadata)
        except ValueError:  # what a person has written over it may be no level
            what_to_do = f"Write a line for each row, with these letters alone: {cls._tiles().letters}"
            raise UserError(f"The text for '{path.name}' is no level.", what_to_do) from None
        write_marked(path, content, metadata)

    save_text = save

    @classmethod
    def read_metadata(cls, path: Path) -> dict[str, str]:
        if path.suffix.lower() == ".png":
            from tfgen.modalities.image.preview import read_metadata

            return read_metadata(path)
        from tfgen.modalities.level.reading import BrokenLevel, read_properties

        try:
            return read_properties(path)
        except BrokenLevel as error:
            raise UserError(f"'{path}' can't be read: {error}.", "Give a level that tfgen wrote.") from error

    @classmethod
    def save_sheet(
        cls, path: Path, values: Sequence[Any], metadata: Mapping[str, str], columns: int | None = None
    ) -> None:
        from tfgen.modalities.image.preview import grid, save_png

        save_png(path, grid(cls._pictures(values), columns), metadata)

    save_text_sheet = save_sheet

    @classmethod
    def save_choices(
        cls, path: Path, values: Sequence[Any], metadata: Mapping[str, str], columns: int | None = None
    ) -> None:
        from tfgen.modalities.image.preview import grid, numbered, save_png

        save_png(path, grid(numbered(cls._pictures(values)), columns), metadata)

    @classmethod
    def join_sheets(cls, sheets: Sequence[Path], names: Sequence[str], path: Path) -> None:
        """Of arrays there are pictures, of sequences letters: these are drawn among pictures; among letters it is said
        where pictures lie."""
        if path.suffix != ".png":
            texts = (f"Pictures: {each}" if each.suffix == ".png" else each.read_text("utf-8") for each in sheets)
            parts = (f"=== {name} ===\n{text}\n" for name, text in zip(names, texts, strict=True))
            write_marked(path, "\n".join(parts).encode(), {"runs": ", ".join(names)})
            return
        from tfgen.modalities.image.preview import join
        from tfgen.modalities.level.drawing import lettered

        with tempfile.TemporaryDirectory() as folder:
            drawn = [lettered(sheet, Path(folder) / f"{place}.png") for place, sheet in enumerate(sheets)]
            join(drawn, path, {"runs": ", ".join(names)})

    @classmethod
    def as_text(cls, value: Any) -> str:
        return value if isinstance(value, str) else "\n".join(cls._tiles().rows(cls._grid(value)))

    @classmethod
    def as_html(cls, value: Any, what: str) -> str:
        from tfgen.modalities.image.preview import as_html

        try:
            drawn = cls._pictures([value])[0]
        except ValueError:  # what a person has written over it may be no level
            return super().as_html(value, what)
        return as_html(drawn, what)

    @classmethod
    def sides(cls, value: np.ndarray) -> tuple[int, int]:
        from tfgen.modalities.level.drawing import SIDE

        return value.shape[0] * SIDE, value.shape[1] * SIDE

    @classmethod
    def attributes(cls, codec: Codec) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
        from tfgen.modalities.level.words import counts_of

        nouns = counts_of(np.zeros([1, 3, 3], np.uint8), codec.tiles)
        return {noun: lambda values, noun=noun: counts_of(values, codec.tiles)[noun].astype(float) for noun in nouns}

    # Export.

    @classmethod
    def app_templates(cls) -> Path | None:
        """Sequences come as columns, which an app must turn; arrays are levels as they are."""
        is_sequences = cls.codec is not None and cls.codec.representation == SEQUENCES
        return Path(__file__).with_name("app") if is_sequences else None

    @classmethod
    def app_words(cls, codec: Codec) -> dict[str, Any]:
        if codec.representation != SEQUENCES:
            return {}
        how, tiles = codec.usual_sampling, codec.tiles

        def quoted(text: str) -> str:
            """As it stands between quotes in Python and in JSON alike."""
            return json.dumps(text, ensure_ascii=False)[1:-1]

        return {
            "words": quoted(json.dumps(codec.word_set.in_letters(tiles))), "attempts": how.get("attempts", 1),
            "solid": quoted(tiles.letters_of(tiles.solid)), "empty": quoted(tiles.letters[tiles.background]),
            "begin": codec.begin, "rows": codec.size[0], "most": how["length"],
            "temperature": how["temperature"], "top_p": how["top_p"],
            "first_piece": 2 * len(codec.tiles), "starts": ",".join(str(start) for start, _ in codec.pieces),
        }

    # Judging.

    missing_inputs = {"playable": "No rule says what can be played."}

    @classmethod
    def metric_inputs(
        cls, examples: Examples, samples: Callable[[], Any], openings: Callable[[], Sequence[Any]]
    ) -> Mapping[str, Callable[[], np.ndarray]]:
        return examples.judge.inputs(samples, openings)

    @classmethod
    def others(cls, examples: Examples, count: int, seed: int) -> Mapping[str, tuple[str, Any]]:
        from tfgen.modalities.level.baselines import baselines

        return baselines(examples.parts, examples.judge.real_windows, count, seed)

    @classmethod
    def concerns(
        cls, scores: Mapping[str, float], others: Mapping[str, Mapping[str, float]], margins: Mapping[str, float]
    ) -> list[Concern]:
        from tfgen.modalities.level.concerns import concerns_of

        return concerns_of(scores, others, margins)


def _holdout_sentence(parts: Any) -> str:
    held = int(parts.held.sum())
    if not held:
        return "No level is held out, so a model can't be judged by levels that it never saw."
    return f"{several(held, 'level')}, {in_words(len(parts.unseen))} windows, are held out to judge by."
