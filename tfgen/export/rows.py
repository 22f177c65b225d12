"""Rows as an export offers them.

A server takes what is asked of rows as a string, and columns as strings and numbers; it gives columns in the user's own
values. A phone takes tokens and gives tokens and numbers; what they stand for lies beside its file.
"""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.export.agreement import Agreement, Pairs, agreement_of
from tfgen.export.formats import SAVED_MODEL, Tolerance
from tfgen.export.signatures import SERVER, Entry, ExportedModel
from tfgen.models.rows.base import RowModel
from tfgen.representations.rows.codec import Bins, Distance, RowCodec
from tfgen.representations.rows.columns import DATE, DATETIME, TIME, Rows, plain_text
from tfgen.representations.rows.conditions import FREE, no_conditions, quoted
from tfgen.representations.rows.constrained import drawn_by_constraints
from tfgen.representations.rows.distances import value_at
from tfgen.representations.rows.lookup import RowLookup, decoded, on_steps
from tfgen.representations.rows.sampler import RowSampler
from tfgen.representations.signatures import Kind
from tfgen.run import Run

COLUMNS_FILE = "columns.json"
HOLDS = "holds"  # whether a row keeps to what holds in every row of the data
_LARGE = 10_000.0
_SAMPLED = 64  # rows of the model that comparisons choose from
_TOO_COARSE = (
    "A model of rows is small, and with fewer bits it would choose other rows.", "Use --quantize float32."
)


class RowExport(ExportedModel):
    """See ExportedModel."""

    tolerances = {SAVED_MODEL: Tolerance(difference=1e-3), "float32": Tolerance(difference=1e-3)}
    unsuitable = dict.fromkeys(("float16", "int8", "int8-weights"), _TOO_COARSE)

    codec: RowCodec
    model: RowModel

    def __init__(self, run: Run, codec: RowCodec, model: RowModel, audience: str):
        self._lookup = RowLookup(codec) if audience == SERVER else None
        self._names = safe_names([column.name for column in codec.learned])
        self._made: Rows | None = None
        # What is allowed of cells that are filled in, and the fields of which not all is.
        self._filled: tuple = (None, ())
        self._has_likelihood = bool(model.measurements())
        if audience == SERVER:
            allowed = no_conditions(codec).without_missing(codec)
            if not allowed.are_none:
                self._filled = tf.constant(allowed.allowed, tf.float32), allowed.fields_asked()
        super().__init__(run, codec, model, audience)

    def make_entries(self) -> dict[str, Entry]:
        made = self._for_servers() if self.audience == SERVER else self._for_phones()
        return {
            name: Entry({key: tf.TensorSpec(*spec, key) for key, spec in inputs.items()}, kinds, function)
            for name, (inputs, kinds, function) in made.items()
        }

    def _for_servers(self) -> dict[str, tuple]:
        seed, prompt = {"seed": ([None], tf.int32)}, {"prompt": ([None], tf.string)}
        columns = {name: ([None], kind) for name, kind in zip(self._names, self._types(), strict=True)}
        kinds = dict.fromkeys(self._names, Kind.EXAMPLES)
        entries = {
            "generate": ({**seed, **prompt}, {"seed": Kind.SEED, "prompt": Kind.PROMPT}, self._generate),
            "fill": ({**seed, **columns}, {"seed": Kind.SEED, **kinds}, self._fill),
        }
        if self._has_likelihood:
            entries["log_prob"] = (columns, kinds, self._log_prob)
        return entries

    def _for_phones(self) -> dict[str, tuple]:
        seed, given = {"seed": ([None], tf.int32)}, {"given": ([None, self.model.fields], tf.int32)}
        rows = {"tokens": ([None, self.model.fields], tf.int32)}
        kinds = {"seed": Kind.SEED, "given": Kind.TOKENS}
        entries = {"generate": ({**seed, **given}, kinds, self._generate_tokens)}
        if self._has_likelihood:
            entries["log_prob"] = (rows, {"tokens": Kind.TOKENS}, self._log_prob_of_tokens)
        return entries

    # What the signatures do.

    def _generate(self, seed: tf.Tensor, prompt: tf.Tensor) -> dict[str, tf.Tensor]:
        asked, offsets = self._lookup.conditions(prompt), tf.constant(self.model.example.offsets, tf.int32)

        def draw(seed: tf.Tensor, rows: tf.Tensor | None = None) -> tuple[list[tf.Tensor], tf.Tensor]:
            given, allowed, ends, intervals, together, _ = _of_rows(asked, rows)
            tokens, weights = self.model.conditional_rows(seed, given, allowed, together=together)
            ends = tf.gather(ends, tokens + offsets, axis=1, batch_dims=1)
            return self._lookup.cells(tokens, self.model.places(seed), ends, intervals), tf.reduce_mean(weights, axis=1)

        made, share = self._drawn(draw, seed, tf.unstack(asked.columns, axis=1))
        return {**made, "share": tf.identity(share, name="share")}

    def _fill(self, seed: tf.Tensor, **columns: tf.Tensor) -> dict[str, tf.Tensor]:
        values = [columns[name] for name in self._names]
        given = self._lookup.tokens(values, free=True)
        allowed, asked = self._filled
        intervals, together = self._lookup.beginnings_of(values, given)
        if together:  # which goes with what is allowed
            asked = (*asked, *(place for pair in together for place in pair))
            allowed = tf.ones([self.model.tokens]) if allowed is None else allowed
        is_given = [~_is_missing(each) for each in values]
        there = self._lookup.given_cells(values, given)

        def draw(seed: tf.Tensor, rows: tf.Tensor | None = None) -> tuple[list[tf.Tensor], tf.Tensor]:
            own, known, ends, both = _of_rows((values, given, intervals, together), rows)
            is_own, cells = _of_rows((is_given, there), rows)
            tokens, weights = self.model.conditional_rows(seed, known, allowed, asked, both)
            made = self._lookup.cells(tokens, self.model.places(seed), None, ends if both else None, own)
            made = [tf.where(*each) for each in zip(is_own, cells, made, strict=True)]
            return made, tf.reduce_mean(weights, axis=1)

        made, _ = self._drawn(draw, seed, is_given, is_given)
        filled = {
            name: tf.where(is_given[place], _cast(values[place], made[name].dtype), made[name], name=name)
            for place, name in enumerate(self._names)
        }
        return {**made, **filled}

    def _log_prob(self, **columns: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._log_prob_of_tokens(self._lookup.tokens([columns[name] for name in self._names]))

    def _generate_tokens(self, seed: tf.Tensor, given: tf.Tensor) -> dict[str, tf.Tensor]:
        tokens, _ = self.model.conditional_rows(seed, given)
        uniform, numbers = self.model.places(seed), [tf.cast(own, tf.float32) for own in tf.unstack(tokens, axis=1)]
        for place in self.codec.in_order_of_distance:
            column = self.codec.learned[place]
            how, own = self.codec.encodings[column.name], tokens[:, place]
            if not isinstance(how, Bins) or not len(how.knots):
                continue
            # No cell is NaN here, which a comparison would trip over: the token says what is missing.
            base = base_of(self.codec, place)  # float32 has seven digits, and a second of today's has ten
            if isinstance(how, Distance):
                distance = decoded(Bins(how.knots, False), column, own, uniform[:, place], tf.float32)
                how = replace(how, ends=tuple(end - base for end in how.ends))
                numbers[place] = value_at(how, numbers[self.codec.distances[place]], distance)
            else:
                numbers[place] = decoded(Bins(how.knots - base, False), column, own, uniform[:, place], tf.float32)
            numbers[place] = on_steps(numbers[place], self.codec.steps_of(place), base)
        tokens, numbers = self._put_right_on_phone(tf.unstack(tokens, axis=1), numbers, given)
        return {
            "tokens": tf.identity(tf.stack(tokens, axis=1), name="tokens"),
            "numbers": tf.identity(tf.stack(numbers, axis=1), name="numbers"),
        }

    def _put_right_on_phone(
        self, tokens: list[tf.Tensor], numbers: list[tf.Tensor], given: tf.Tensor
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Tokens [batch] and the numbers beside them of each column, with what follows from others put right. The token
        of a number stays what was drawn."""
        constraints = self.codec.constraints_in_graph(on_phone=True)
        if not constraints:
            return tokens, numbers
        cells, settled = [], [given_token > FREE for given_token in tf.unstack(given, axis=1)]
        for place, column in enumerate(self.codec.learned):
            how, cell = self.codec.encodings[column.name], tokens[place]
            if isinstance(how, Bins):
                is_missing = tf.equal(cell, how.missing) & how.has_missing
                cell = tf.where(is_missing, np.nan, numbers[place] + base_of(self.codec, place))
            cells.append(cell)
        right = constraints.put_right(cells, settled)
        for place, (before, after) in enumerate(zip(cells, right, strict=True)):
            if before.dtype == tf.int32:
                tokens[place], numbers[place] = after, tf.cast(after, tf.float32)
            else:
                is_changed = tf.abs(after - before) > 0.0  # not what is missing
                numbers[place] = tf.where(is_changed, after - base_of(self.codec, place), numbers[place])
        return tokens, numbers

    def _log_prob_of_tokens(self, tokens: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"log_prob": tf.identity(self.model.log_likelihood(tokens), name="log_prob")}

    def _drawn(
        self, draw: Callable[..., tuple[list[tf.Tensor], tf.Tensor]], seed: tf.Tensor, *settled: list[tf.Tensor]
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor]:  # fmt: skip
        """Columns as callers have them, which keep to the constraints of the data where it has any, with which rows do;
        and what else was drawn."""
        if self.codec.constraints_in_graph():
            cells, more, is_right = drawn_by_constraints(self.codec, draw, seed, *settled)
            held = {HOLDS: tf.identity(is_right, name=HOLDS)}
        else:
            (cells, more), held = draw(seed), {}
        columns = zip(self._names, self._lookup.columns(cells).values(), strict=True)
        return {**{name: tf.identity(values, name=name) for name, values in columns}, **held}, more

    def _types(self) -> list[tf.DType]:
        """Of the columns as a caller gives them."""
        as_text = (DATE, DATETIME, TIME)
        return [
            tf.float64 if column.is_numeric and column.kind not in as_text else tf.string
            for column in self.codec.learned
        ]

    # For comparisons, and what lies beside.

    def tables(self) -> RowLookup | None:
        return self._lookup

    def specification(self, name: str, kind: Kind) -> tf.TensorSpec:
        raise ValueError("the entries of rows say it")

    def inputs_of(self, call: str, seeds: np.ndarray) -> dict[str, np.ndarray]:
        rows, tokens = self._own_rows(), self.codec.encode(self._own_rows()).astype(np.int32)
        places = seeds % _SAMPLED
        known: dict[str, np.ndarray] = {"seed": seeds, "tokens": tokens[places]}
        known["prompt"] = np.array([self._prompts()[seed % len(self._prompts())] for seed in seeds], np.str_)
        # Every second field of every second row.
        is_given = (np.arange(tokens.shape[1]) % 2 == 0)[None] & (seeds % 2 == 0)[:, None]
        known["given"] = np.where(is_given, tokens[places], FREE).astype(np.int32)
        if self.audience == SERVER:
            hidden = call == "fill"
            for place, (name, kind) in enumerate(zip(self._names, self._types(), strict=True)):
                known[name] = self._as_given(rows.take(places), place, kind)
                if hidden:
                    known[name] = np.where(is_given[:, place], known[name], "" if kind == tf.string else np.nan)
        return {name: known[name] for name in self.entries[call].inputs}

    def _as_given(self, rows: Rows, place: int, kind: tf.DType) -> np.ndarray:
        column = self.codec.learned[place]
        values = rows.values[column.name]
        if kind != tf.string:
            return values
        if column.is_categorical:
            return np.array(["" if each < 0 else column.categories[each] for each in values], np.str_)
        return np.array(["" if np.isnan(each) else plain_text(column, each) for each in values], np.str_)

    def _prompts(self) -> list[str]:
        """The empty one, and one on each of two columns."""
        prompts = [""]
        for column in (*self.codec.learned[:1], *self.codec.learned[-1:]):
            how = self.codec.encodings[column.name]
            if not isinstance(how, Bins):
                names = [column.categories[place] for place in how.kept[:1]]
                prompts += [f"{quoted(column.name, ',<=>')}={quoted(name)}" for name in names]
            elif len(how.knots) and column.kind not in (DATE, DATETIME, TIME):
                low, high = np.quantile(how.extent if isinstance(how, Distance) else how.knots, [0.3, 0.7])
                asked = f"{low:.{column.decimals}f}..{high:.{column.decimals}f}"
                prompts.append(f"{quoted(column.name, ',<=>')}={asked}")
        return prompts

    def _own_rows(self) -> Rows:
        if self._made is None:
            self._made = RowSampler(self.model, self.codec)(np.arange(_SAMPLED, dtype=np.int32))
        return self._made

    def compare(self, call: str, output: str, pairs: Pairs, inputs: list[dict[str, np.ndarray]]) -> Agreement:
        whole = [tuple(np.nan_to_num(np.asarray(each, np.float64), nan=-1e18) if np.asarray(each).dtype.kind == "f"
                       else each for each in pair) for pair in pairs]
        return agreement_of(call, output, whole, relative=True)

    def sample(self) -> dict[str, Any]:
        if self.audience != SERVER:
            given = np.full([1, self.model.fields], FREE, np.int32)
            made = self.answers("generate", {"seed": np.array([7], np.int32), "given": given})
            return {"signature": "generate", "instances": [{"seed": 7, "given": given[0].tolist()}],
                    "tokens": made["tokens"][0].tolist()}
        request = {"seed": 7, "prompt": ""}
        made = self.answers("generate", {"seed": np.array([7], np.int32), "prompt": np.array([""], np.str_)})
        row = {name: _plain(made[name][0]) for name in self._names}
        return {"signature": "generate", "instances": [request], "row": row}

    def companions(self) -> dict[str, bytes]:
        return {COLUMNS_FILE: (json.dumps(self._described_columns(), ensure_ascii=False, indent=1) + "\n").encode()}

    def _described_columns(self) -> list[dict[str, Any]]:
        columns = []
        for place, (column, name) in enumerate(zip(self.codec.learned, self._names, strict=True)):
            how = self.codec.encodings[column.name]
            about: dict[str, Any] = {"name": column.name, "as": name, "kind": column.kind, "place": place}
            if isinstance(how, Bins):
                about |= {"bins": [[row[0], row[-1]] for row in how.knots.tolist()], "decimals": column.decimals}
                about |= {"base": base_of(self.codec, place)}  # that a phone's numbers lie above
                if place in self.codec.distances:  # whose bins are of distances from another column
                    about |= {"after": self.codec.distances[place]}
            else:
                about |= {"values": [column.categories[each] for each in how.kept]}
            columns.append({**about, "missing": how.size - 1 if how.has_missing else None})
        return columns

    def shared_codec(self) -> dict[str, Any]:
        return {"columns": self._described_columns()}

    def contains(self) -> list[str]:
        if "privacy" in self.run.record:
            return [
                "The weights that the signatures use.",
                f"The values of each column as a caller needs them ('{COLUMNS_FILE}'), by counts with noise.",
                "What all this gives away of single rows is bounded by 'privacy', which says what it doesn't cover.",
            ]
        return [
            "The weights that the signatures use.",
            f"The values of each column as a caller needs them ('{COLUMNS_FILE}'): categories that at least five rows "
            "have, and for numbers the values that five rows share, and the ends of up to a hundred bins, which are "
            "means of two or three values.",
            "Of what follows from another column, pairs of values that at least five rows have.",
        ]

    def words(self) -> dict[str, Any]:
        return {"fields": self.model.fields}


def _of_rows(values: Any, rows: tf.Tensor | None) -> Any:
    """Tensors [batch, ...] in any structure, of these rows alone, if told."""
    return values if rows is None else tf.nest.map_structure(lambda each: tf.gather(each, rows), values)


def base_of(codec: RowCodec, place: int) -> float:
    """What the values of a column lie above, where they are large: a whole number; of a distance, what those of the
    other column do."""
    how = codec.encodings[codec.learned[codec.distances.get(place, place)].name]
    least = float(np.floor(how.knots.min())) if len(how.knots) else 0.0
    return least if abs(least) >= _LARGE else 0.0


def safe_names(names: list[str]) -> list[str]:
    """Names that a tensor may have, each another: letters, digits and underscores."""
    made: list[str] = []
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "column"
        plain = plain if plain[0].isalpha() else f"column_{plain}"
        plain = f"{plain}_column" if plain.lower() in ("seed", "prompt", "share", "log_prob", "self", HOLDS) else plain
        taken = {each.lower() for each in made}
        number = next(number for number in range(1, len(names) + 2) if _numbered(plain, number).lower() not in taken)
        made.append(_numbered(plain, number))
    return made


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}_{number}"


def _is_missing(values: tf.Tensor) -> tf.Tensor:
    return tf.equal(tf.strings.strip(values), "") if values.dtype == tf.string else tf.math.is_nan(values)


def _cast(values: tf.Tensor, kind: tf.DType) -> tf.Tensor:
    if values.dtype == kind:
        return values
    return tf.cast(tf.where(tf.math.is_nan(values), tf.zeros_like(values), values), kind)


def _plain(value: Any) -> Any:
    value = value.decode() if isinstance(value, bytes) else value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and np.isnan(value) else value
