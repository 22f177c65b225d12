"""Prompts inside a graph mean what they mean in Python, or fail with the reason."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfgen.data.examples import clean_text
from tfgen.errors import UserError
from tfgen.representations.arrays.lookup import PromptLookup
from tfgen.representations.arrays.vocabulary import Vocabulary, words_of


def vocabulary_of(prompts, kind, examples=None):
    return Vocabulary.of(prompts, np.arange(len(prompts)) if examples is None else np.array(examples), kind)


NAMES = ["ankle boot", "boot", "T-shirt/top", "0", "seven", "l'été", "straße"]
LABELS = vocabulary_of(NAMES, "labels")
SIGNS = vocabulary_of(["C", "C++", "c", "A+", "A-", "1.5", "5.1", "-1", "1", "?", "_", "red cat", "cat, red"], "labels")
ODD = ["AB", "Ab", "İstanbul", "ΣΟΦΟΣ", "Ǆ", "a  b", " b a", "-3 to 4", "x-1", "+1.5,2", "é", "É"]
CASES = vocabulary_of(ODD, "labels")
UNSEEN = vocabulary_of(["red", "seven", "Cat", "7", "a cat", "cat 2", "dog"], "labels", [0, 4, 5, 3])
# As version 0.1 wrote them: labels were bags of words.
OLD_WORDS = tuple(dict.fromkeys(word for name in NAMES for word in words_of(name)))
OLD = Vocabulary(OLD_WORDS, tuple(NAMES), (1,) * len(NAMES), "labels")
CAPTIONS = vocabulary_of(
    ["a red cat, sitting", "red hearts!", "a dog's life", "?", "ΣΟΦΟΣ ein ärger", "seven 2"], "captions"
)
EAST = vocabulary_of(["红色的狐狸", "赤いキツネ two", "قطة حمراء", "แมวแดง", "روباهِ قرمز"], "captions")
EAST_LABELS = vocabulary_of(["红狐", "白狐", "猫", "قطة حمراء", "قطة"], "labels")
# As they were before letters were told apart.
OLD_EAST = Vocabulary(("红色的狐狸", "two", "猫"), ("红色的狐狸", "猫 two"), (1, 1), "captions")


def graph_of(vocabulary):
    return tf.function(PromptLookup(vocabulary).__call__, input_signature=[tf.TensorSpec([None], tf.string)])


LOOKUPS = {
    name: (vocabulary, graph_of(vocabulary))
    for name, vocabulary in {
        "labels": LABELS, "signs": SIGNS, "cases": CASES, "unseen": UNSEEN, "captions": CAPTIONS, "old labels": OLD,
        "east": EAST, "eastern labels": EAST_LABELS, "old east": OLD_EAST,
    }.items()
}
QUICK = ("signs", "east")
KINDS = [pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in LOOKUPS]
WORDS = (
    "ankle boot BOOT T-shirt top zero 0 7 seven été l'été red cat a ? dog's life Ärger straße banana ! , _ red_cat a-b "
    "🙂 one two 2 C c C++ + - ++ 1 -1 5 . 1.5 5.1 -1.5 +1.5,2 A+ A- x-1 -3 to 4 AB aB Ab b İstanbul i̇stanbul σοφος "
    "σοφοσ Σ ǆ ǅ é É e\u0301 dog Dog Cat 红 狐 红狐 白狐 红色的狐狸 猫two 赤い キツネ قطة حمراء แมว แดง روباهِ قرمز two狐"
).split(" ") + ["", "\n", "\t", "\xa0", "\u2028", "\x1f", "\x85", "\x01"]


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


@pytest.mark.parametrize("kind", KINDS)
@given(words=st.lists(st.sampled_from(WORDS), max_size=7), glue=st.sampled_from([" ", ", ", "", "  ", "\u2003"]))
@settings(max_examples=120)
def test_agrees_with_the_vocabulary(kind, words, glue):
    vocabulary, lookup = LOOKUPS[kind]
    prompt = glue.join(words)
    assert in_graph(lookup, prompt) == in_python(vocabulary, prompt)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=60)
def test_agrees_about_prompts_that_are_nearly_labels(kind, data):
    vocabulary, lookup = LOOKUPS[kind]
    known = data.draw(st.sampled_from(vocabulary.prompts))
    change = data.draw(st.sampled_from([str.upper, str.lower, str.title, str.swapcase, lambda text: f" {text}\u3000"]))
    parts = change(known).split()
    prompt = data.draw(st.sampled_from([change(known), "\t".join(parts), parts[-1] if parts else "", known[::-1]]))
    assert in_graph(lookup, prompt) == in_python(vocabulary, prompt)


@pytest.mark.slow
@given(st.lists(st.text(max_size=6).map(clean_text).filter(bool), min_size=1, max_size=6, unique=True), st.text())
@settings(max_examples=25)
def test_agrees_whatever_the_labels_are(labels, text):
    vocabulary = vocabulary_of(labels, "labels")
    lookup = PromptLookup(vocabulary)
    for prompt in (text, *labels, labels[0].upper(), f"{labels[-1]} {text}"):
        try:
            found = lookup(tf.constant([prompt.encode()])).numpy()[0].tolist()
        except tf.errors.InvalidArgumentError:
            found = None
        assert found == in_python(vocabulary, prompt), prompt


@pytest.mark.parametrize("kind", KINDS)
def test_every_known_prompt_is_itself_whatever_stands_beside_it(kind):
    vocabulary, lookup = LOOKUPS[kind]
    asked = list(vocabulary.known_labels) if kind == "unseen" else vocabulary.prompts
    prompts = ["", *asked, asked[0].upper(), f" {asked[0]}\t"]
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


def test_a_label_without_examples_is_named():
    with pytest.raises(tf.errors.InvalidArgumentError, match="(?s)No example had the label.*DOG"):
        LOOKUPS["unseen"][1](tf.constant(["a cat", "DOG"]))


def test_a_known_caption_with_a_rare_word_is_refused_since_no_caption_is_in_the_graph(monkeypatch):
    monkeypatch.setattr("tfgen.representations.arrays.vocabulary._MOST_WORDS", 2)
    vocabulary = vocabulary_of(["red cat", "red dog", "cat"], "captions")
    assert in_python(vocabulary, "red dog") == [vocabulary.words.index("red") + 1, 0]
    lookup = graph_of(vocabulary)
    assert in_graph(lookup, "red dog") is None and in_graph(lookup, "cat red") == in_python(vocabulary, "cat red")


def test_a_word_that_comes_twice_has_its_id_twice():
    vocabulary = vocabulary_of(["red circle above red square", "a cat"], "captions")
    lookup = graph_of(vocabulary)
    for prompt in ("red circle above red square", "square, square cat", "red Red"):
        assert in_graph(lookup, prompt) == in_python(vocabulary, prompt)
    assert in_graph(lookup, "red red")[:3] == [vocabulary.ids("red")[0]] * 2 + [0]


def test_many_labels_take_little_memory():
    vocabulary = vocabulary_of([f"number {place}" for place in range(5000)], "labels")
    lookup = graph_of(vocabulary)
    expected = np.stack([vocabulary.ids("4321"), vocabulary.ids("NUMBER 17")])
    np.testing.assert_array_equal(lookup(tf.constant(["4321", "NUMBER  17"])), expected)
    size = lookup.get_concrete_function().graph.as_graph_def().ByteSize()
    assert size < 3_000_000
