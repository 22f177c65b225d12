"""Sets of items as an export offers them.

A server takes a prompt that names items, and gives the names of those that go with them; it invents whole sets from
seeds. A phone takes the items as ones among zeros, or of a model that knows order their numbers, the newest last, and
gives scores of all items and the numbers of the best; their names lie beside its file.
"""

import json
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.export.agreement import Agreement, Pairs, agreement_of
from tfgen.export.formats import SAVED_MODEL, Tolerance
from tfgen.export.signatures import SERVER, Entry, ExportedModel
from tfgen.models.sets.base import SetModel
from tfgen.representations.sets.codec import SetCodec
from tfgen.representations.sets.ranker import Ranker
from tfgen.representations.sets.sets import NO_ITEM, Sets
from tfgen.representations.signatures import Kind
from tfgen.run import Run

ITEMS_FILE = "items.json"
SAME = 20  # the first items of a ranking, which must be the same everywhere
_SAMPLED = 64  # sets of the model that comparisons choose from
_TOO_COARSE = ("With fewer bits, items of nearly the same score would change places.", "Use --quantize float32.")


class SetExport(ExportedModel):
    """See ExportedModel."""

    tolerances = {SAVED_MODEL: Tolerance(difference=1e-3), "float32": Tolerance(difference=1e-3)}
    unsuitable = dict.fromkeys(("float16", "int8", "int8-weights"), _TOO_COARSE)

    codec: SetCodec
    model: SetModel

    def __init__(self, run: Run, codec: SetCodec, model: SetModel, audience: str):
        self._lookup = ItemLookup(codec) if audience == SERVER else None
        self._made: Sets | None = None
        self._is_ordered = codec.specification.ordered and model.longest_row > 1
        super().__init__(run, codec, model, audience)

    def make_entries(self) -> dict[str, Entry]:
        if self.audience == SERVER:
            prompt, seed = tf.TensorSpec([None], tf.string, "prompt"), tf.TensorSpec([None], tf.int32, "seed")
            return {
                "generate": Entry({"prompt": prompt}, {"prompt": Kind.PROMPT}, self._rank_names),
                "invent": Entry({"seed": seed, "prompt": prompt}, {"seed": Kind.SEED, "prompt": Kind.PROMPT},
                                self._invent_names),
            }  # fmt: skip
        if self._is_ordered:
            items = tf.TensorSpec([None, self.model.longest_row], tf.int32, "items")
            return {"generate": Entry({"items": items}, {"items": Kind.TOKENS}, self._rank_rows)}
        basket = tf.TensorSpec([None, self.model.items], tf.float32, "basket")
        return {"generate": Entry({"basket": basket}, {"basket": Kind.EXAMPLES}, self._rank_multi_hot)}

    # What the signatures do.

    def _rank_names(self, prompt: tf.Tensor) -> dict[str, tf.Tensor]:
        rows, known = self._lookup.rows(prompt)
        found, scores = self.model.best(rows)
        return {
            "item": tf.identity(self._lookup.names_of(found), name="item"),
            "score": tf.identity(scores, name="score"),
            "known": tf.identity(known, name="known"),
        }

    def _invent_names(self, seed: tf.Tensor, prompt: tf.Tensor) -> dict[str, tf.Tensor]:
        rows, known = self._lookup.rows(prompt)
        made = self.model.invent(seed, rows)
        return {
            "item": tf.identity(self._lookup.names_of(made), name="item"),
            "known": tf.identity(known, name="known"),
        }

    def _rank_rows(self, items: tf.Tensor) -> dict[str, tf.Tensor]:
        # One-hot and a sum in place of a scatter, which a phone's runtime has for few shapes.
        multi_hot = tf.reduce_max(tf.one_hot(items, self.model.items), axis=1)
        return self._ranked(self.model.blended(items, multi_hot))

    def _rank_multi_hot(self, basket: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._ranked(self.model.blended(None, basket))

    def _ranked(self, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        _, items = tf.math.top_k(scores, self.model.top)
        return {"scores": tf.identity(scores, name="scores"), "items": tf.identity(items, name="items")}

    # For comparisons, and what lies beside.

    def tables(self) -> Any:
        return self._lookup

    def specification(self, name: str, kind: Kind) -> tf.TensorSpec:
        raise ValueError("the entries of sets say it")

    def inputs_of(self, call: str, seeds: np.ndarray) -> dict[str, np.ndarray]:
        given = self._own_sets().take(seeds % _SAMPLED)
        known: dict[str, np.ndarray] = {"seed": seeds, "basket": given.multi_hot(self.model.items)}
        known["items"] = given.rows(self.model.longest_row)
        known["prompt"] = np.array([self.codec.write(given[place]) for place in range(len(given))], np.str_)
        return {name: known[name] for name in self.entries[call].inputs}

    def _own_sets(self) -> Sets:
        """The first items of invented sets, one to eight."""
        if self._made is None:
            made = Ranker(self.model).invented(np.arange(_SAMPLED, dtype=np.int32))
            self._made = Sets.of([each[: 1 + place % 8] for place, each in enumerate(made)])
        return self._made

    def compare(self, call: str, output: str, pairs: Pairs, inputs: list[dict[str, np.ndarray]]) -> Agreement:
        """The first items of each ranking are the same; behind them, where scores hardly differ, some change places."""
        if call == "generate" and output in ("item", "items"):
            pairs = [(want[:, :SAME], got[:, :SAME]) for want, got in pairs]
        return agreement_of(call, output, [_without_given(*pair) for pair in pairs])

    def sample(self) -> dict[str, Any]:
        given = self._own_sets().part(3, 4)
        if self.audience == SERVER:
            prompt = self.codec.write(given[0])
            made = self.answers("generate", {"prompt": np.array([prompt], np.str_)})
            names = [name.decode() for name in made["item"][0][:SAME]]
            return {"signature": "generate", "instances": [{"prompt": prompt}], "item": names}
        made = self.answers("generate", self.inputs_of("generate", np.array([3], np.int32)))
        return {"signature": "generate", "given": given[0].tolist(), "items": made["items"][0][:SAME].tolist()}

    def companions(self) -> dict[str, bytes]:
        return {ITEMS_FILE: (json.dumps(list(self.codec.names), ensure_ascii=False, indent=1) + "\n").encode()}

    def shared_codec(self) -> dict[str, Any]:
        return {"items": list(self.codec.names)}

    def contains(self) -> list[str]:
        return [
            "The weights that the signatures use.",
            f"The names of the items ('{ITEMS_FILE}'), and for each pair of them how much one speaks for the other.",
            "No basket and no user.",
        ]

    def words(self) -> dict[str, Any]:
        takes = "items" if self._is_ordered else "basket"
        return {"takes": takes, "context": self.model.longest_row, "top": self.model.top}


class ItemLookup(tf.Module):
    """Names of items to their ids and back, in a graph: prompts as SetCodec.read has them, in the very letters."""

    def __init__(self, codec: SetCodec):
        super().__init__()
        names, ids = tf.constant(codec.names), tf.range(len(codec.names), dtype=tf.int32)
        self._names = names
        self._ids = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(names, ids), NO_ITEM)
        self._commas = max(name.count(",") for name in codec.names)
        self._marks = max(name.count('"') for name in codec.names)

    def rows(self, prompt: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Ids int32 [batch, most], the last item at the end, NO_ITEM in front and for what isn't known; and how many
        of the named items are known, int32 [batch]."""
        # Names in quotation marks stand between \x01 and \x02 while commas part the names: their own commas and doubled
        # marks are hidden, one of each name at a time.
        hidden = tf.strings.regex_replace(prompt, r'(^|,)\s*"((?:[^"]|"")*)"', "\\1\x01\\2\x02")
        for _ in range(self._marks):
            hidden = tf.strings.regex_replace(hidden, '\x01([^\x02]*)""([^\x02]*)\x02', "\x01\\1\x1e\\2\x02")
        for _ in range(self._commas):
            hidden = tf.strings.regex_replace(hidden, "\x01([^\x02]*),([^\x02]*)\x02", "\x01\\1\x1f\\2\x02")
        hidden = tf.strings.regex_replace(hidden, "[\x01\x02]", "")
        parts = tf.strings.strip(tf.strings.split(hidden, ",").to_tensor(""))
        parts = tf.strings.regex_replace(tf.strings.regex_replace(parts, "\x1f", ","), "\x1e", '"')
        ids = self._ids.lookup(parts)
        known = tf.reduce_sum(tf.cast(ids >= 0, tf.int32), axis=1)
        # What isn't there moves to the front; the order of the others stays.
        order = tf.argsort(tf.cast(ids >= 0, tf.int32), axis=1, stable=True)
        rows = tf.gather(ids, order, batch_dims=1)
        return tf.pad(rows, [[0, 0], [1, 0]], constant_values=NO_ITEM), known

    def names_of(self, ids: tf.Tensor) -> tf.Tensor:
        """Names [batch, length], "" where there is no item."""
        return tf.where(ids >= 0, tf.gather(self._names, tf.maximum(ids, 0)), "")


def _without_given(want: np.ndarray, got: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores without those of what is given, which are far below all others."""
    if want.dtype.kind != "f" or want.shape != got.shape:
        return want, got
    return np.where(want < -1e8, 0.0, want), np.where((want < -1e8) & (got < -1e8), 0.0, got)
