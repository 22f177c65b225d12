"""Sequences as an export offers them.

A server takes token ids, with the whole loop in its graph, or strings where TensorFlow has operations for the codec. A
phone takes a prompt's ids and then token after token, and keeps the cache itself; the next token is drawn in its graph.
What turns ids into strings lies beside either.
"""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.export.agreement import Agreement, Pairs, agreement_of
from tfgen.export.formats import SAVED_MODEL, Tolerance
from tfgen.export.signatures import SERVER, Entry, ExportedModel
from tfgen.export.sequence_reference import Reference, drawn, perplexity, sampling_of
from tfgen.models.base import GenerativeModel
from tfgen.representations.redraw import seeds_of_round
from tfgen.representations.sequences.adherence import draw_as_asked
from tfgen.representations.sequences.codec import SequenceCodec
from tfgen.representations.signatures import Kind
from tfgen.run import Run

TOKENS_FILE = "tokens.json"  # of a codec without files of its own: what each id says
MOST_NEW_TOKENS = 4096  # of one request to a server: it can't be stopped once it began
_PROMPT, _STEPS = 8, 64  # tokens of a comparison's prompts, and as many new ones
_LARGE_CACHE = 2**23  # numbers; larger ones are compared one by one, in place of eight at once
_LOOP = "prefill>decode"
# Greedy, drawn from all, from those that make up .9, from five.
_SETTINGS = {"temperature": (0.0, 1.0, 0.8, 1.0), "top_k": (0, 0, 0, 5), "top_p": (1.0, 1.0, 0.9, 1.0)}
_FLOATS = (Kind.TEMPERATURE, Kind.TOP_P)
_LISTS = (Kind.SEED, Kind.LENGTH, Kind.LIMIT, Kind.TOKEN, Kind.POSITION, Kind.TOP_K)


class SequenceExport(ExportedModel):
    """See ExportedModel."""

    # Of logits, as a share of the largest; tokens have to be the same. A millionth, as for arrays, is less than the
    # rounding of the sums behind a logit, which another order of additions changes. With numbers of fewer bits the
    # tokens may differ; what is asked then is that the model is hardly more surprised by a text.
    tolerances = {
        SAVED_MODEL: Tolerance(difference=1e-4),
        "float32": Tolerance(difference=1e-4),
        "float16": Tolerance(perplexity=0.02),
        "int8-weights": Tolerance(perplexity=0.02),
    }
    unsuitable = {
        "int8": (
            "A model of sequences can't be had in int8: 256 levels are too few for what it hands from layer to layer.",
            "Use --quantize int8-weights, which is as small.",
        )
    }

    codec: SequenceCodec

    def __init__(self, run: Run, codec: SequenceCodec, model: GenerativeModel, audience: str):
        self._in_graph = codec.in_graph() if audience == SERVER else None
        self.timed = "generate" if audience == SERVER else "decode"
        _, cache = model.prefill(tf.zeros([1, 1], tf.int32), tf.ones([1], tf.int32))
        self._cache_shape = cache.keys.shape.as_list()[1:]
        if np.prod(self._cache_shape) > _LARGE_CACHE:
            self.batches = (1,)
        self._prompt = max(1, min(_PROMPT, model.context // 4))
        self._steps = min(_STEPS, model.context - max(self._prompt, 4))
        self._reference = Reference(model)
        self._inputs: dict[tuple[int, ...], dict[str, np.ndarray]] = {}
        super().__init__(run, codec, model, audience)

    def make_entries(self) -> dict[str, Entry]:
        entries = super().make_entries()
        if self.audience == SERVER:
            entries["generate"] = _with_lengths_that_fit(self._as_asked(entries["generate"]))
        if self._in_graph:
            entries["generate_text"] = self._texts(entries["generate"])
        return entries

    def tables(self) -> tf.Module | None:
        """The codec's."""
        return self._in_graph

    def companions(self) -> dict[str, bytes]:
        files = dict(self.codec.files())
        if not files:
            pieces = [piece.decode("utf-8", "replace") for piece in self.codec.token_bytes()]
            files[TOKENS_FILE] = (json.dumps(pieces, ensure_ascii=False) + "\n").encode()
        return files

    def contains(self) -> list[str]:
        names = " and ".join(f"'{name}'" for name in self.companions())
        return [
            "The weights that the signatures use. What a model learned by heart, it may say.",
            f"What each of the {self.model.example.vocabulary_size} tokens stands for ({names}), which may have been "
            "learned from the training data.",
            "Under 'codec', what else a caller needs to write prompts and to read answers.",
        ]

    def words(self) -> dict[str, Any]:
        layers, heads, context, head_dim = self._cache_shape
        example = self.model.example
        endless = str(self.model.endless).lower()
        ends = ", ".join(str(each) for each in example.ends)
        shape = {"layers": layers, "heads": heads, "context": context, "head_dim": head_dim}
        return {**shape, "vocabulary": example.vocabulary_size, "ends": ends, "endless": endless}

    def specification(self, name: str, kind: Kind) -> tf.TensorSpec:
        if kind is Kind.TOKENS:
            return tf.TensorSpec([None, None], tf.int32, name)
        if kind is Kind.CACHE:
            return tf.TensorSpec([None, *self._cache_shape], tf.float32, name)
        if kind in _FLOATS or kind in _LISTS:
            return tf.TensorSpec([None], tf.float32 if kind in _FLOATS else tf.int32, name)
        raise ValueError(f"{kind} is nothing that a sequence has")

    def inside(self, value: tf.Tensor | None, kind: Kind, rows: tf.Tensor) -> tf.Tensor:
        if kind is not Kind.LIMIT:
            return value
        few = tf.debugging.Assert(
            tf.reduce_all(value <= MOST_NEW_TOKENS), [f"max_new_tokens may be {MOST_NEW_TOKENS} at most, not", value]
        )
        with tf.control_dependencies([few]):
            return tf.identity(value)

    def outside(self, value: tf.Tensor, kind: Kind) -> tf.Tensor:
        if kind is Kind.CACHE:
            value.set_shape([None, *self._cache_shape])
        return value

    def sample(self) -> dict[str, Any]:
        """The answer is the new text, or its ids; from a phone's file they come one by one."""
        most, how = 32, {"temperature": 0.8, "top_k": 0, "top_p": 0.95, "seed": 7}
        ids = self._reference.written(np.array([7], np.int32), 4)
        made = self._reference.ids(ids[0], most, how)
        prompt = {"prompt_ids": ids[0].tolist(), "prompt_length": ids.shape[1]}
        if self.audience != SERVER:
            return {"signature": "prefill", "instances": [{**prompt, **how}], "ids": made}
        if "generate_text" not in self.entries:
            return {"signature": "generate", "instances": [{**prompt, "max_new_tokens": most, **how}], "ids": made}
        request = {"prompt": self.codec.decode(ids[0]), "max_new_tokens": most, **how}
        made = self._reference.ids(self.codec.encode(request["prompt"]), most, how)
        return {"signature": "generate_text", "instances": [request], "text": self.codec.decode(made)}

    # Comparisons.

    def calls(self) -> list[str]:
        return [*self.entries, *([_LOOP] if "prefill" in self.entries else [])]

    def inputs_of(self, call: str, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """What the model writes itself, and texts with letters that it may never have seen."""
        known = self._all_inputs(seeds)
        if call == _LOOP:
            given = [*self.entries["prefill"].inputs, "token>", "position>"]
            return {name: known[name] for name in given}
        return {name: known[name] for name in self.entries[call].inputs}

    def answers(self, call: str, inputs: Any) -> dict[str, np.ndarray]:
        """Those of the cached signatures by full logits."""
        if call == _LOOP:
            text = self._continued(inputs, self._limit(len(inputs["seed"])))
            return {"token": _by_step(np.ma.masked_array(text.tokens, text.doubtful)), "logits": _by_step(text.logits)}
        if call == "generate":
            return self._generated(inputs)
        if call == "generate_text":
            return self._text_answers(inputs)
        made = super().answers(call, inputs)
        if "token" in made:
            position = inputs["position"] + 1 if "position" in inputs else np.maximum(inputs["prompt_length"], 1)
            logits = self._reference.marked(made["logits"][:, None], self._previous(inputs)[:, None])
            _, doubtful = drawn(logits, position[:, None], sampling_of(inputs))
            made["token"] = np.ma.masked_array(made["token"], doubtful[:, 0])
        return made

    def compare(self, call: str, output: str, pairs: Pairs, inputs: list[dict[str, np.ndarray]]) -> Agreement:
        found = agreement_of(call, output, pairs, relative=True)
        if call != _LOOP or output != "logits" or not np.isfinite(found.difference):
            return found
        ends = [np.isin(each["token>"], self.model.example.ends) for each in inputs]
        counted = [np.cumsum(each, axis=0) - each == 0 for each in ends]
        tokens = np.concatenate([each["token>"][chosen] for each, chosen in zip(inputs, counted)])
        by_model, by_export = (
            perplexity(np.concatenate([pair[side][:-1][chosen] for pair, chosen in zip(pairs, counted)]), tokens)
            for side in (0, 1)
        )
        return Agreement(call, output, found.difference, found.decibels, by_export / by_model - 1.0)

    def steps(self, answers: Any) -> tuple[int, str]:
        """A call of `generate` makes as many tokens as its longest row."""
        return (max(1, int(np.ma.getdata(answers["length"]).max())) if "length" in answers else 1), "token"

    def _all_inputs(self, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """Of all signatures, by name."""
        key = tuple(seeds.tolist())
        if key not in self._inputs:
            self._inputs[key] = self._make_inputs(seeds)
        return self._inputs[key]

    def _make_inputs(self, seeds: np.ndarray) -> dict[str, np.ndarray]:
        kinds = seeds % len(_SETTINGS["top_k"])
        how = {name: np.array(values)[kinds] for name, values in _SETTINGS.items()}
        how = {name: value.astype(np.int32 if name == "top_k" else np.float32) for name, value in how.items()}
        known = {"seed": seeds, **how, "max_new_tokens": self._limit(len(seeds))}
        known["prompt_ids"] = self._reference.written(seeds, self._prompt)
        lengths = np.array([self._prompt, self._prompt // 2, 0, max(1, self._prompt - 1)], np.int32)
        known["prompt_length"] = lengths[kinds]
        if self.codec.adherence:
            example = self.codec.adherence.example()
            known["prompt_ids"][kinds == 3, : len(example)] = example
            known["prompt_length"][kinds == 3] = len(example)
        known["prompt"] = np.array([self._strings(row)[kind] for row, kind in zip(known["prompt_ids"], kinds)], np.str_)
        text = self._continued(known, known["max_new_tokens"])
        known["ids"] = np.concatenate([known["prompt_ids"], text.fed], axis=1)
        known["token>"] = _by_step(text.fed)
        known["position>"] = _by_step(text.start[:, None] + np.arange(self._steps, dtype=np.int32))
        known["token"], known["position"] = known["token>"][0], known["position>"][0]
        tokens, length = known["prompt_ids"], known["prompt_length"]
        known["keys"], known["values"] = (each.numpy() for each in self.model.begin(tokens, length).cache)
        return known

    def _previous(self, inputs: Any) -> np.ndarray:
        """The token that the next one comes behind, int32 [batch]."""
        if "token" in inputs:
            return inputs["token"]
        last = np.maximum(inputs["prompt_length"], 1)[:, None] - 1
        token = np.take_along_axis(inputs["prompt_ids"], last, axis=1)[:, 0]
        return np.where(inputs["prompt_length"] > 0, token, self.model.example.start)

    def _strings(self, ids: np.ndarray) -> list[str]:
        """Short prompts, and one with a letter that may never have been seen."""
        return [self.codec.decode(ids[:1]), "", "😀", self.codec.decode(ids[1:2])]

    def _limit(self, rows: int) -> np.ndarray:
        return np.full([rows], self._steps, np.int32)

    def _continued(self, inputs: Any, limit: np.ndarray) -> Any:
        return self._reference.continued(inputs["prompt_ids"], inputs["prompt_length"], limit, inputs)

    def _generated(self, inputs: Any) -> dict[str, np.ma.MaskedArray]:
        """Of each row's attempts the first that lacks least; masked where doubt may have chosen another one."""
        limit, adherence = inputs["max_new_tokens"], self.codec.adherence
        made = self._reference.generated(self._continued(inputs, limit), limit)
        prompts, lengths = inputs["prompt_ids"], inputs["prompt_length"]
        if adherence is None:
            return made

        def lacking_of(made: dict[str, np.ma.MaskedArray]) -> np.ndarray:
            return adherence.lacking(*map(tf.constant, (prompts, lengths, *map(np.ma.getdata, made.values())))).numpy()

        asks = np.array([adherence.asks(row[:length]) for row, length in zip(prompts, lengths)])
        doubtful = asks & np.ma.getmaskarray(made["length"])
        lacking, seeds = lacking_of(made), inputs["seed"].astype(np.int64)
        for number in range(1, adherence.attempts):
            is_left = (lacking > 0) & (inputs["temperature"] > 0)
            if not is_left.any():
                break
            anew = {**inputs, "seed": seeds_of_round(seeds, number).astype(np.int32)}
            other = self._reference.generated(self._continued(anew, limit), limit)
            lack = lacking_of(other)
            better = is_left & (lack < lacking)
            doubtful |= is_left & np.ma.getmaskarray(other["length"])
            for name, values in made.items():
                values[better] = other[name][better]
            lacking = np.where(better, lack, lacking)
        made["lacking"] = np.ma.masked_array(lacking, np.ma.getmaskarray(made["length"]))
        for values in made.values():
            values[doubtful] = np.ma.masked
        return made

    def _text_answers(self, inputs: Any) -> dict[str, np.ndarray]:
        """By the codec itself, which knows nothing of the graph's."""
        encoded = [self.codec.encode(str(text)) for text in inputs["prompt"]]
        length = np.array([len(each) for each in encoded], np.int32)
        ids = np.stack([np.resize(np.append(each, 0), max(length.max(), 1)).astype(np.int32) for each in encoded])
        made = self._generated({**inputs, "prompt_ids": ids, "prompt_length": length})
        counts = np.ma.getdata(made["length"])
        rows = zip(np.ma.getdata(made["ids"]), counts, strict=True)
        texts = np.array([self.codec.decode(row[:count]).encode() for row, count in rows], "S")
        del made["ids"]
        return {"text": np.ma.masked_array(texts, np.ma.getmaskarray(made["length"])), **made}

    def _as_asked(self, generate: Entry) -> Entry:
        """`generate`, where rows that lack what their prompt asks for are drawn anew."""
        adherence = self.codec.adherence
        if adherence is None:
            return generate

        def function(prompt_ids: tf.Tensor, prompt_length: tf.Tensor, **given: tf.Tensor) -> dict[str, tf.Tensor]:
            def draw(rows: tf.Tensor, seeds: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                known = {"prompt_ids": prompt_ids, "prompt_length": prompt_length, **given}
                own = {name: tf.gather(value, rows) for name, value in known.items()}
                made = generate.function(**{**own, "seed": seeds})
                return made["ids"], made["length"]

            limits = tf.where(given["temperature"] > 0, adherence.attempts, 1)  # at 0 all attempts are the same
            most = tf.maximum(tf.reduce_max(given["max_new_tokens"]), 0)
            made = draw_as_asked(
                draw, adherence, limits, prompt_ids, prompt_length, given["seed"], most, self.model.example.end
            )
            return {name: tf.identity(each, name=name) for name, each in zip(("ids", "length", "lacking"), made)}

        return replace(generate, function=function)

    def _texts(self, generate: Entry) -> Entry:
        """`generate`, with text in place of ids on both sides."""
        in_graph = self._in_graph

        def function(prompt: tf.Tensor, **given: tf.Tensor) -> dict[str, tf.Tensor]:
            ids, length = in_graph.encode(prompt)
            made = generate.function(prompt_ids=ids, prompt_length=length, **given)
            text = in_graph.decode(made.pop("ids"), made["length"])
            others = {name: tf.identity(each, name=name) for name, each in made.items()}
            return {"text": tf.identity(text, name="text"), **others}

        inputs = {key: each for key, each in generate.inputs.items() if not key.startswith("prompt_")}
        kinds = {key: each for key, each in generate.kinds.items() if not key.startswith("prompt_")}
        prompt = tf.TensorSpec([None], tf.string, "prompt")
        return Entry({"prompt": prompt, **inputs}, {"prompt": Kind.PROMPT, **kinds}, function)


def _with_lengths_that_fit(entry: Entry) -> Entry:
    """The entry, in a graph that refuses prompts that are longer than the ids that came."""

    def function(prompt_ids: tf.Tensor, prompt_length: tf.Tensor, **given: tf.Tensor) -> dict[str, tf.Tensor]:
        most = tf.shape(prompt_ids)[1]
        reason = "Each prompt_length has to lie between 0 and the columns of prompt_ids,"
        fits = tf.debugging.Assert(
            tf.reduce_all((prompt_length >= 0) & (prompt_length <= most)), [reason, most, "and they are", prompt_length]
        )
        with tf.control_dependencies([fits]):
            return entry.function(prompt_ids=tf.identity(prompt_ids), prompt_length=tf.identity(prompt_length), **given)

    return replace(entry, function=function)


def _by_step(values: Any) -> Any:
    """[batch, steps, ...] as [steps, batch, ...]; masks are kept."""
    return values.swapaxes(0, 1)
