"""Arrays as an export offers them.

A server takes prompts as strings and can give files. A phone takes prompts as word ids; the vocabulary lies beside its
file.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen.export.agreement import Agreement, Pairs, agreement_of
from tfgen.export.formats import SAVED_MODEL, Tolerance
from tfgen.export.signatures import SERVER, Entry, ExportedModel
from tfgen.models import noise
from tfgen.models.base import GenerativeModel
from tfgen.representations.arrays.codec import ArrayCodec
from tfgen.representations.arrays.lookup import PromptLookup
from tfgen.representations.arrays.vocabulary import LETTERS, SAME_WORD, Vocabulary
from tfgen.representations.signatures import Kind
from tfgen.run import Run

_KNOWN = 100  # prompts that comparisons choose from
_MIXED = 3  # words of one of these, of captions


class ArrayExport(ExportedModel):
    """See ExportedModel."""

    tolerances = {
        SAVED_MODEL: Tolerance(difference=1e-6),
        "float32": Tolerance(difference=1e-4),
        "float16": Tolerance(decibels=60.0),
        "int8": Tolerance(decibels=35.0),
        "int8-weights": Tolerance(decibels=40.0),
    }

    codec: ArrayCodec

    def __init__(self, run: Run, codec: ArrayCodec, model: GenerativeModel, audience: str):
        self._vocabulary = run.vocabulary()
        self._has_prompts = bool(self._vocabulary.prompts)
        self._lookup = PromptLookup(self._vocabulary) if audience == SERVER and self._has_prompts else None
        if codec.outside_decibels is not None:
            alike = Tolerance(decibels=codec.outside_decibels)
            self.tolerances = {**self.tolerances, SAVED_MODEL: alike, "float32": alike}
        super().__init__(run, codec, model, audience)

    def make_entries(self) -> dict[str, Entry]:
        entries = super().make_entries()
        if self.audience == SERVER:
            files = self.codec.as_files().items()
            entries.update({name: self._files(entries["generate"], *how) for name, how in files})
        return entries

    def tables(self) -> PromptLookup | None:
        """The vocabulary's table."""
        return self._lookup

    def compare(self, call: str, output: str, pairs: Pairs, inputs: list[dict[str, np.ndarray]]) -> Agreement:
        # The examples may lie in a fixed range, whatever the signature.
        outputs = [each.outputs.items() for each in self.model.signatures().values()]
        examples = output in {name for each in outputs for name, kind in each if kind is Kind.EXAMPLES}
        bounded = examples and self.codec.outside_peak == 1.0
        agreement = agreement_of(call, output, pairs, bounded=bounded)
        if not examples or any(want.shape != got.shape for want, got in pairs):
            return agreement
        perceived = [(self.codec.perceived(want), self.codec.perceived(got)) for want, got in pairs]
        return replace(agreement, decibels=agreement_of(call, output, perceived, bounded=bounded).decibels)

    def sample(self) -> dict[str, Any]:
        """The answer is a file in base64, where the codec has one."""
        seeds = np.array([7], np.int32)
        request = {"seed": 7, **({"prompt": self._prompts(seeds)[0].tolist()} if self._has_prompts else {})}
        made = {"signature": "generate", "instances": [request]}
        examples = tf.constant(self._examples(seeds))
        files = {name: how(examples)[0].numpy() for name, (_, how) in self.codec.as_files().items()}
        if not files:
            return {**made, self.model.example.plural: examples.numpy().tolist()}
        return {**made, **{name: base64.b64encode(content).decode() for name, content in files.items()}}

    def companions(self) -> dict[str, bytes]:
        """For a phone, the vocabulary; a server's is in its graph."""
        if self.audience == SERVER:
            return {}
        text = json.dumps(_vocabulary_as_json(self._vocabulary), indent=2, ensure_ascii=False)
        return {"vocabulary.json": f"{text}\n".encode()}

    def contains(self) -> list[str]:
        return ["The weights that the signatures use.", *_about_prompts(self._vocabulary)]

    def shared_codec(self) -> dict[str, Any]:
        """Of captions the words alone, since callers need no more."""
        facts = {"kind": self._vocabulary.kind, "words": list(self._vocabulary.words)}
        if self._vocabulary.kind == "labels":
            facts["prompts"] = list(self._vocabulary.prompts)
        return {**self.codec.to_json(), "vocabulary": {**facts, "longest": self._vocabulary.longest}}

    def words(self) -> dict[str, Any]:
        return {"has_prompt": str(self._has_prompts).lower(), "examples": self.model.example.plural}

    def specification(self, name: str, kind: Kind) -> tf.TensorSpec:
        match kind:
            case Kind.SEED:
                return tf.TensorSpec([None], tf.int32, name)
            case Kind.PROMPT if self._lookup:
                return tf.TensorSpec([None], tf.string, name)
            case Kind.PROMPT:
                return tf.TensorSpec([None, self.model.conditions.longest], tf.int32, name)
            case Kind.LATENTS | Kind.NOISE:
                return tf.TensorSpec([None, self.model.latent_dim], tf.float32, name)
            case Kind.EXAMPLES:
                return tf.TensorSpec([None, *self.codec.outside_shape], tf.float32, name)
        raise ValueError(f"{kind} is nothing that an array has")

    def takes(self, kind: Kind) -> bool:
        return self._has_prompts or kind is not Kind.PROMPT

    def inside(self, value: tf.Tensor | None, kind: Kind, rows: tf.Tensor) -> tf.Tensor:
        if value is None:
            return tf.zeros([rows, self.model.conditions.longest], tf.int32)
        if kind is Kind.PROMPT and self._lookup:
            return self._lookup(value)
        return self.codec.to_inside(value) if kind is Kind.EXAMPLES else value

    def outside(self, value: tf.Tensor, kind: Kind) -> tf.Tensor:
        return self.codec.to_outside(value) if kind is Kind.EXAMPLES else value

    def inputs_of(self, call: str, seeds: np.ndarray) -> dict[str, np.ndarray]:
        """What the model itself starts from, and what it makes."""
        kinds = self.entries[call].kinds
        return {name: self._input(kind, seeds, Kind.SEED in kinds.values()) for name, kind in kinds.items()}

    def _input(self, kind: Kind, seeds: np.ndarray, seeded: bool) -> np.ndarray:
        match kind:
            case Kind.SEED:
                return seeds
            case Kind.PROMPT:
                # Only where a seed stands beside it does the empty prompt draw one.
                return self._prompts(seeds, empty_too=seeded)
            case Kind.LATENTS:
                ids = tf.constant(self._ids(self._choose(seeds)))
                return self.model.latents(tf.constant(seeds), ids).numpy()
            case Kind.NOISE:
                return noise.normal(tf.constant(seeds), self.model.latent_dim).numpy()
            case Kind.EXAMPLES:
                return self._examples(seeds)
        raise ValueError(f"{kind} is nothing that an array has")

    def _files(self, generate: Entry, output: str, how: Callable[[tf.Tensor], tf.Tensor]) -> Entry:
        """`generate`, with each example as the bytes of a file."""

        def function(**given: tf.Tensor) -> dict[str, tf.Tensor]:
            (examples,) = generate.function(**given).values()
            return {output: tf.identity(how(examples), name=output)}

        return Entry(generate.inputs, generate.kinds, function)

    def _prompts(self, seeds: np.ndarray, empty_too: bool = False) -> np.ndarray:
        """A prompt for each seed as the inputs take them: the known ones in turn, the empty one among them if told."""
        chosen = self._choose(seeds, empty_too)
        return np.array(chosen, np.str_) if self._lookup else self._ids(chosen)

    def _examples(self, seeds: np.ndarray) -> np.ndarray:
        """What `generate` makes, in the units of the outside."""
        made = self.model.generate(tf.constant(seeds), tf.constant(self._ids(self._choose(seeds))))
        return self.codec.to_outside(made).numpy()

    def _choose(self, seeds: np.ndarray, empty_too: bool = False) -> list[str]:
        # Requests of these lie in an export: of captions no whole one.
        captions = self._vocabulary.kind == "captions"
        known = list(self._vocabulary.words if captions else self._vocabulary.known_labels)[:_KNOWN]
        if self._vocabulary.repeats:  # whose order counts: some words that stand nowhere together but here
            count = min(_MIXED, self._vocabulary.longest)
            mixes = [[known[at * times % len(known)] for times in range(1, count + 1)] for at in range(len(known))]
            known = [" ".join(words) for words in mixes]
        known = [*known, *([""] if empty_too else [])] or [""]
        return [known[seed % len(known)] for seed in seeds]

    def _ids(self, prompts: list[str]) -> np.ndarray:
        return np.stack([self._vocabulary.ids(prompt) for prompt in prompts])


def _about_prompts(vocabulary: Vocabulary) -> list[str]:
    """What an export holds of the training data's prompts."""
    draws = "by this the empty prompt draws one as the data had it"
    if not vocabulary.prompts:
        return []
    if vocabulary.kind == "labels":
        return [f"The {len(vocabulary.known_labels)} labels, and how often the training data had each: {draws}."]
    return [
        f"The {len(vocabulary.words)} words of the captions, which callers may use. No caption is spelled out.",
        "The numbers of each caption's words, in their order, and how often the training data had it: "
        f"{draws}. Together with the words they tell what a caption said.",
    ]


def _vocabulary_as_json(vocabulary: Vocabulary) -> dict[str, Any]:
    """Word ids by label as typed, or by word where prompts may mix them; 'seven' goes for '7' too."""
    labels = vocabulary.kind == "labels"
    typed = vocabulary.typed_labels if labels else {}
    prompts = {text: vocabulary.ids(label).tolist() for text, label in typed.items()}
    words = {word: place for place, word in enumerate(vocabulary.words, 1)}
    same = {word: other for word, other in SAME_WORD.items() if other in words and word not in words}
    return {
        "longest": vocabulary.longest,
        "prompts": prompts,
        "repeats": vocabulary.repeats,  # whether a word may come twice; else each counts once
        "letters": LETTERS,  # each a word by itself, where it stands between others too
        "words": {} if labels else {**{word: words[other] for word, other in same.items()}, **words},
    }
