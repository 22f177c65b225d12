"""Levels of games, as arrays of tiles and as sequences of pieces of columns."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.console import count as in_words
from tfgen.console import several
from tfgen.data.examples import fit_command
from tfgen.data.request import DataRequest
from tfgen.data.settings import DataSetting, check_holdout
from tfgen.errors import UserError
from tfgen.modalities.base import Modality
from tfgen.representations import ARRAYS, SEQUENCES
from tfgen.representations.base import Codec, Examples

if TYPE_CHECKING:
    from tfgen.modalities.level.open_levels import LevelArrays, LevelSequences

_ENOUGH_WINDOWS = 300


def _check_window(size: Any) -> tuple[int, int]:
    """Columns and rows, 0 for all rows."""
    found = re.fullmatch(r"(\d{1,4})(?:\s*x\s*(\d{1,4}))?", str(size).strip().lower())
    if not found or int(found[1]) < 3 or not (found[2] is None or int(found[2]) >= 3):
        raise UserError(f"'{size}' is no size of a window.", "Set window to its columns, or to columns x rows: 28x14.")
    return int(found[1]), int(found[2] or 0)


def _check_piece(rows: Any) -> int:
    try:
        rows = int(rows)
    except (TypeError, ValueError):
        raise UserError(f"'{rows}' is not a whole number.", "Set piece to a number of rows.") from None
    if not 1 <= rows <= 64:
        raise UserError(f"piece must be between 1 and 64, not {rows}.", "It is how many rows of a column are a token.")
    return rows


def _check_mix(share: Any) -> float:
    try:
        share = float(share)
    except (TypeError, ValueError):
        raise UserError(f"'{share}' is not a number.", "Set mix to a number.") from None
    if not 0 <= share <= 0.9:
        raise UserError(f"mix must be between 0 and 0.9, not {share:g}.", "It is the share of windows mixed of two.")
    return share


def _check_split(part: Any) -> str:
    if part not in ("train", "test"):
        raise UserError(f"'{part}' is no part of the levels.", "Set split to train or test.")
    return part


class LevelModality(Modality):
    """See Modality."""

    name = "level"
    singular, plural = "level", "levels"
    representations = (SEQUENCES, ARRAYS)
    file_kinds = (".tmx",)
    settings = {
        "window": DataSetting(
            _check_window, "columns, or columns x rows, of the windows that levels are cut into", "28 and all rows"
        ),
        "holdout": DataSetting(check_holdout, "the share of levels that are not learned, to judge by, 0 to 0.5", "0.2"),
        "mix": DataSetting(
            _check_mix, "the share of windows put together of two: what stands in one, what floats in the other, 0 to "
            "0.9", "0.5",
        ),
        "piece": DataSetting(_check_piece, "gpt: how many rows of a column are one token, 1 to 64", "half of them"),
        "layer": DataSetting(str, "the layer of tiles that is read of a .tmx", "all, laid over each other"),
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
        from tfgen.modalities.level.open_levels import level_files
        from tfgen.modalities.level.reading import looks_like_level

        return 2 * (bool(level_files(source)) if source.is_dir() else looks_like_level(source))

    @classmethod
    def files_in(cls, folder: Path) -> list[str]:
        from tfgen.modalities.level.open_levels import level_files

        return level_files(folder)

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
        parts, report = examples.parts, examples.report
        rows, columns = parts.learned.tiles.shape[1:]
        tiles = parts.levels.tiles
        known = ", ".join(f"{letter} {kind}" for letter, kind in zip(tiles.letters, tiles.kinds, strict=True))
        words = parts.words.texts
        asked = f"They can be asked for by: {', '.join(words)}." if words else "No words tell them apart."
        return [
            f"{several(report.used, 'level')} ({parts.levels.form['ending']}), {several(len(parts.learned), 'window')} "
            f"of {columns} columns and {rows} rows to learn.",
            f"{len(tiles)} tiles: {known}.",
            f"{asked} Playable is what passes the rule '{parts.rule}'.",
            _holdout_sentence(parts),
        ]

    @classmethod
    def summary(cls, examples: "LevelArrays | LevelSequences") -> str:
        rows, columns = examples.parts.learned.tiles.shape[1:]
        return f"{len(examples.parts.learned)} windows of {columns}x{rows} tiles of {examples.report.used} levels"

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


def _holdout_sentence(parts: Any) -> str:
    held = int(parts.held.sum())
    if not held:
        return "No level is held out, so a model can't be judged by levels that it never saw."
    return f"{several(held, 'level')}, {in_words(len(parts.unseen))} windows, are held out to judge by."
