"""Prompts inside a graph mean what they mean in Python, or fail with the reason."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgen.errors import UserError
from tfgen.representations.arrays.lookup import PromptLookup
from tfgen.representations.arrays.vocabulary import Vocabulary


def vocabulary_of(prompts, kind):
    return Vocabulary.of(prompts, np.arange(len(prompts)), kind)


LABELS = vocabulary_of(["ankle boot", "boot", "T-shirt/top", "0", "seven", "l'été", "straße"], "labels")
CAPTIONS = vocabulary_of(
    ["a red cat, sitting", "red hearts!", "a dog's life", "?", "ΣΟΦΟΣ ein ärger", "seven 2"], "captions"
)


def graph_of(vocabulary):
    return tf.function(PromptLookup(vocabulary).__call__, input_signature=[tf.TensorSpec([None], tf.string)])


LOOKUPS = {"labels": (LABELS, graph_of(LABELS)), "captions": (CAPTIONS, graph_of(CAPTIONS))}
WORDS = ["ankle", "boot", "BOOT", "T-shirt", "top", "zero", "0", "7", "seven", "été", "l'été", "red", "cat", "a", "?"]
WORDS += [
    "dog's",
    "life",
    "Ärger",
    "straße",
    "banana",
    "!",
    ",",
    "",
    "_",
    "red_cat",
    "a-b",
    "\n",
    "\t",
    "🙂",
    "one",
    "two",
    "2",
]


def in_graph(lookup, prompt):
    """The word ids, or None where the graph refuses the prompt."""
    try:
        return lookup(tf.constant([prompt])).numpy()[0].tolist()
    except tf.errors.InvalidArgumentError:
        return None


def in_python(vocabulary, prompt):
    try:
        return vocabulary.ids(prompt).tolist()
    except UserError:
        return None


@pytest.mark.parametrize("kind", LOOKUPS)
@given(words=st.lists(st.sampled_from(WORDS), max_size=7), glue=st.sampled_from([" ", ", ", "", "  "]))
@settings(max_examples=250)
def test_agrees_with_the_vocabulary(kind, words, glue):
    vocabulary, lookup = LOOKUPS[kind]
    prompt = glue.join(words)
    assert in_graph(lookup, prompt) == in_python(vocabulary, prompt)


@pytest.mark.parametrize("kind", LOOKUPS)
def test_every_known_prompt_is_itself_whatever_stands_beside_it(kind):
    vocabulary, lookup = LOOKUPS[kind]
    prompts = ["", *vocabulary.prompts, vocabulary.prompts[0].upper()]
    expected = np.stack([vocabulary.ids(prompt) for prompt in prompts])
    np.testing.assert_array_equal(lookup(tf.constant(prompts)), expected)
    assert lookup(tf.constant([], tf.string)).shape == (0, vocabulary.longest)


def test_an_unknown_word_is_named():
    with pytest.raises(tf.errors.InvalidArgumentError, match="(?s)never saw the word.*banana"):
        LOOKUPS["labels"][1](tf.constant(["boot", "banana"]))


def test_an_ambiguous_label_is_named():
    vocabulary = vocabulary_of(["red cat", "red dog"], "labels")
    with pytest.raises(tf.errors.InvalidArgumentError, match="(?s)more than one.*red"):
        graph_of(vocabulary)(tf.constant(["red"]))
