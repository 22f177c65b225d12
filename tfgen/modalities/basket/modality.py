"""Baskets: sets of items."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgen.config import parse_value
from tfgen.console import command_line, several
from tfgen.data.examples import fit_command
from tfgen.data.request import DataRequest
from tfgen.data.settings import DataSetting, between, check_holdout
from tfgen.errors import UserError
from tfgen.modalities.base import Modality
from tfgen.representations import SETS

if TYPE_CHECKING:
    from tfgen.modalities.basket.open_baskets import BasketExamples
    from tfgen.representations.sets.codec import SetCodec
    from tfgen.representations.sets.sets import Sets

_ENOUGH, _GOOD = 50, 500  # baskets
_SHOWN = 5  # of the commonest items


def _check_layout(value: Any) -> str:
    if value not in ("lines", "columns"):
        raise UserError(f"No layout named '{value}'.", "Set layout to lines (a basket a line) or columns.")
    return value


def _column(what: str, default: str = "found by its name") -> DataSetting:
    return DataSetting(str, f"the column of {what}", default)


class BasketModality(Modality):
    """See Modality."""

    name = "basket"
    singular, plural = "basket", "baskets"
    representations = (SETS,)
    asked_by = '"ITEM, ITEM"'
    file_kinds = (".inter",)
    default_count = 10
    settings = {
        "user": _column("who, or of the basket's number: what has one value is one basket"),
        "item": _column("the items"),
        "title": _column("the items' names, where another has their codes; nothing for none"),
        "time": _column("when it was, by which items have an order; nothing for none"),
        "layout": DataSetting(_check_layout, "lines, a basket a line, or columns, a row for each user and item"),
        "core": DataSetting(
            between("core", 1, 10_000, "It is how many baskets an item is in at the least.", int),
            "how many baskets an item is in at the least, and how many items a user has, 1 to 10000",
            "5; of a basket a line, 2 items",
        ),
        "least_rating": DataSetting(
            lambda value: parse_value("least_rating", value, float), "rows with a lower rating are left out", "none"
        ),
        "without": DataSetting(str, "more names of what is no product, between commas", "postage and the like"),
        "holdout": DataSetting(
            check_holdout,
            "the share of baskets that is not learned, to judge by, 0 to 0.5; as many again to choose by",
            "0.1; 5000 at the most",
        ),
        "codec": DataSetting(str, "the codec.json of a run, whose items the baskets have", "a new one"),
    }

    # Reading.

    @classmethod
    def recognises(cls, source: Any) -> int:
        from tfgen.modalities.basket.recognition import how_surely

        return how_surely(source)

    @classmethod
    def files_in(cls, folder: Path) -> list[str]:
        from tfgen.modalities.basket.recognition import baskets_in

        return [str(path.relative_to(folder)) for path in baskets_in(folder)]

    @classmethod
    def files_beside(cls, folder: Path) -> list[str]:
        """Tables, where these are what is read as baskets."""
        from tfgen.modalities.basket.recognition import baskets_in
        from tfgen.modalities.table.reading import tables_in

        tables = [] if baskets_in(folder) else tables_in(folder)
        return [str(path.relative_to(folder)) for path in tables]

    @classmethod
    def open(cls, request: DataRequest) -> "BasketExamples":
        from tfgen.modalities.basket.open_baskets import open_examples

        return open_examples(request)

    @classmethod
    def restore_codec(cls, state: Mapping[str, Any], read: Any) -> "SetCodec":
        from tfgen.representations.sets.codec import SetCodec

        return SetCodec.from_json(state)

    @classmethod
    def codec_settings(cls, codec: "SetCodec", run_folder: Path) -> dict[str, Any]:
        return {"codec": str(run_folder / "codec.json")}

    @classmethod
    def held_out_settings(
        cls, examples: "BasketExamples", settings: Mapping[str, Any], run_folder: Path
    ) -> dict[str, Any]:
        from tfgen.modalities.basket.open_baskets import HOW_READ

        read_by = {name: settings[name] for name in HOW_READ if name in settings}
        return {**read_by, **cls.codec_settings(examples.codec, run_folder), "holdout": 0.0}

    @classmethod
    def read_sets(cls, path: Path, codec: "SetCodec", settings: Mapping[str, Any]) -> tuple[list[str], "Sets"]:
        from tfgen.modalities.basket.open_baskets import read_given

        return read_given(path, codec, settings)

    @classmethod
    def keep_in_memory(cls, examples: "BasketExamples", source: Any) -> tuple[str, bytes]:
        import csv
        import io

        from tfgen.modalities.basket.recognition import are_lists, lists_of
        from tfgen.modalities.table.cells import as_parquet

        if not are_lists(source):
            return "data.parquet", as_parquet(source)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lists_of(source))
        return "data.baskets", text.getvalue().encode()

    @classmethod
    def as_path(cls, data: Any) -> AbstractContextManager[Any]:
        from tfgen.modalities.table.cells import as_file

        return as_file(data)

    # In words.

    @classmethod
    def describe(cls, examples: "BasketExamples") -> list[str]:
        sizes, names = examples.sets.sizes, examples.codec.names
        owners = f"{len(sizes)} baskets, one for each user," if examples.are_users else several(len(sizes), "basket")
        order = ", in order of time" if examples.codec.specification.ordered else ""
        common = np.argsort(-np.bincount(examples.sets.items, minlength=len(names)), kind="stable")[:_SHOWN]
        held = len(examples.sets) - examples.training
        return [
            f"{owners} of {several(len(names), 'item')}{order}: {np.median(sizes):.0f} items in half of them or fewer, "
            f"{sizes.max()} at the most.",
            f"The commonest: {', '.join(names[item] for item in common)}.",
            *([f"{several(held, 'basket')} of them are held out: half to choose settings by, half to judge by."]
              if held else []),
        ]  # fmt: skip

    @classmethod
    def summary(cls, examples: "BasketExamples") -> str:
        held = len(examples.sets) - examples.training
        aside = f", {held} more set aside to choose and to judge by" if held else ""
        return f"{several(len(examples), 'basket')} of {several(len(examples.codec.names), 'item')} to learn{aside},"

    @classmethod
    def facts(cls, examples: "BasketExamples") -> dict[str, Any]:
        held = len(examples.held_out)
        return {
            **super().facts(examples),
            "items": len(examples.codec.names),
            "interactions": len(examples.sets.items),
            "ordered": examples.codec.specification.ordered,
            "baskets": {"training": examples.training, "validation": examples.validation, "holdout": held},
        }

    @classmethod
    def next_step(cls, examples: "BasketExamples", data: Sequence[str], settings: Sequence[str]) -> str:
        model = "gpt" if examples.codec.specification.ordered else "vae"
        command, advice = fit_command(model, data, settings), "add baskets, since some thousands learn well"
        if len(examples) >= _GOOD:
            return command
        return f"{advice}, or: {command}" if len(examples) >= _ENOUGH else f"{advice}."

    @classmethod
    def usual_model(cls) -> str:
        return "vae"

    @classmethod
    def as_text(cls, value: Any) -> str:
        """An invented basket, or a suggestion."""
        return ", ".join(value) if isinstance(value, list) else str(value)

    @classmethod
    def as_html(cls, value: Any, what: str) -> str:
        return f'<p title="{escape(what)}">{escape(cls.as_text(value))}</p>'

    @classmethod
    def first_command(cls, codec: Mapping[str, Any], run: str) -> str:
        from tfgen.representations.sets.codec import quoted

        return command_line("generate", run, ", ".join(map(quoted, codec["items"][:2])))
