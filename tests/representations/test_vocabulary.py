"""What becomes of the words that a person types."""

import json
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.data.examples import Report
from tfgen.errors import UserError
from tfgen.modalities.image.codec import ImageCodec
from tfgen.representations.arrays.examples import ArrayExamples
from tfgen.representations.arrays.vocabulary import Vocabulary, words_of

CLOTHES = ["T-shirt/top", "Trouser", "Ankle boot", "Ankle sock", "Boot"]
DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

LABEL = st.text(string.ascii_letters + string.digits + " -'+#/äßéЖ日🙂", min_size=1, max_size=30).filter(words_of)


def vocabulary_of(prompts, kind="labels"):
    return Vocabulary.of(prompts, np.arange(len(prompts), dtype=np.int32), kind)


def meaning(vocabulary, prompt):
    """The set of words, or the label, that a prompt turns into."""
    return {vocabulary.words[place - 1] for place in vocabulary.ids(prompt) if place}


@given(st.lists(LABEL, min_size=1, max_size=8, unique=True), st.sampled_from(["labels", "captions"]))
def test_every_known_prompt_means_itself(prompts, kind):
    vocabulary = vocabulary_of(prompts, kind)
    for place, prompt in enumerate(prompts):
        assert meaning(vocabulary, prompt) == ({prompt} if kind == "labels" else set(words_of(prompt)))
        assert set(vocabulary.ids(prompt)) == set(vocabulary.table()[place])


@given(st.lists(LABEL, min_size=1, max_size=8, unique=True), st.text(max_size=40))
def test_any_text_has_a_meaning_or_a_sentence(prompts, text):
    vocabulary = vocabulary_of(prompts)
    try:
        ids = vocabulary.ids(text)
    except UserError as error:
        assert error.what_is_wrong and error.what_to_do
    else:
        assert ids.shape == (vocabulary.longest,) and ids.dtype == np.int32
        assert 0 <= ids.min() and ids.max() <= len(vocabulary.words)


@given(st.lists(LABEL, min_size=1, max_size=8, unique=True))
def test_survives_json(prompts):
    vocabulary = vocabulary_of(prompts)
    assert Vocabulary.from_json(vocabulary.to_json()) == vocabulary


def test_labels_that_share_a_word_are_told_apart():
    vocabulary = vocabulary_of(CLOTHES)
    assert meaning(vocabulary, "boot") == {"Boot"}
    assert meaning(vocabulary, "BOOT, ankle!") == {"Ankle boot"}
    assert meaning(vocabulary, "sock") == {"Ankle sock"}
    assert meaning(vocabulary, "t-shirt") == {"T-shirt/top"}
    with pytest.raises(UserError, match="several labels. Choose 'Ankle boot' or 'Ankle sock'"):
        vocabulary.ids("ankle")


@pytest.mark.parametrize(
    "labels",
    [["C", "C++"], ["-1", "1"], ["A+", "A-"], ["1.5", "5.1"], ["a b", "b a"], ["x", "X"], ["_", "__"], ["7", "seven"]],
)
def test_labels_that_differ_in_signs_order_or_case_are_two(labels):
    vocabulary = vocabulary_of(labels)
    assert [meaning(vocabulary, label) for label in labels] == [{label} for label in labels]
    assert len(np.unique(vocabulary.table(), axis=0)) == 2


def test_what_is_common_to_two_labels_is_neither():
    with pytest.raises(UserError, match=r"'a' could mean several labels. Choose 'A\+' or 'A-'"):
        vocabulary_of(["A+", "A-"]).ids("a")
    with pytest.raises(UserError, match="'aB' could mean several labels. Choose 'AB' or 'ab'"):
        vocabulary_of(["AB", "ab"]).ids("aB")
    with pytest.raises(UserError, match="'b  a' could mean several labels. Choose 'a b' or 'A B, a'"):
        vocabulary_of(["a b", "A B, a"]).ids("b  a")


@pytest.mark.parametrize(("labels", "typed"), [(["1.5", "2"], "5.1"), (["-1", "0"], "1"), (["1", "0"], "-1")])
def test_a_number_is_never_taken_for_another(labels, typed):
    with pytest.raises(UserError, match=f"never saw the word '{typed}'"):
        vocabulary_of(labels).ids(typed)


def test_a_label_may_be_typed_as_its_part_in_any_case_with_any_spaces():
    vocabulary = vocabulary_of(["Size -1.5 to 3", "Size 10", "C++ code", "Ärger"])
    for typed in ("size  -1.5\tTO 3", "-1.5", " to ", "3"):
        assert meaning(vocabulary, typed) == {"Size -1.5 to 3"}
    assert meaning(vocabulary, "c") == {"C++ code"} and meaning(vocabulary, "ÄRGER") == {"Ärger"}


def test_a_label_without_examples_is_not_known():
    vocabulary = Vocabulary.of(["cat", "dog", "red bird", "bird"], np.array([0, 0, 2], np.int32), "labels")
    assert vocabulary.words == ("cat", "red bird"), "what is never seen has no input"
    for typed in ("dog", " DOG ", "bird"):
        with pytest.raises(UserError, match="No example had the label '.*It knows 2 labels: 'cat', 'red bird'"):
            vocabulary.ids(typed)
    assert vocabulary.table().tolist() == [[1], [0], [2], [0]]
    assert vocabulary.notes() == ["No example has the labels 'dog', 'bird', so a model won't know them."]


def test_labels_of_version_01_are_bags_of_words():
    kept = {"words": ["boot", "ankle"], "prompts": ["Ankle boot", "Boot"], "counts": [1, 1], "kind": "labels"}
    vocabulary = Vocabulary.from_json(kept)
    np.testing.assert_array_equal(vocabulary.table(), [[2, 1], [1, 0]])
    np.testing.assert_array_equal(vocabulary.ids("ankle"), [2, 1])


def test_captions_with_more_words_than_are_kept_can_still_be_drawn():
    captions = [f"word{place} thing" for place in range(5000)]
    vocabulary = vocabulary_of(captions, "captions")
    assert len(vocabulary.words) == 4096 and len(vocabulary.rare_words) == 5001 - 4096
    ids = np.stack([vocabulary.ids(f" {caption} ") for caption in captions])
    np.testing.assert_array_equal(ids, vocabulary.table())
    with pytest.raises(UserError, match="'word4999' was in too few captions to be learned"):
        vocabulary.ids("thing word4999")
    assert "5001 different words. The commonest 4096 are learned; the 905 rarest" in vocabulary.notes()[0]


def test_captions_of_6000_words_can_be_fitted():
    captions = [" ".join(f"word{number}" for number in range(place, place + 4)) for place in range(0, 6000, 4)]
    values, index = np.zeros([len(captions), 8, 8, 1], np.uint8), np.arange(len(captions), dtype=np.int32)
    codec = ImageCodec.of_shape(values.shape[1:], len(values))
    examples = ArrayExamples("image", "a", "a", values, captions, index, "captions", codec, Report(1, 1), "")
    conditions = examples.conditions()
    assert conditions.vocabulary_size == 4096 and len(conditions.prompt_words) == 1500
    kept = Vocabulary.from_json(json.loads(json.dumps(examples.codec_json()["vocabulary"])))
    for place in (0, 1024, 1499):
        assert tuple(kept.ids(captions[place])) == conditions.prompt_words[place]
    assert not any(conditions.prompt_words[-1]), "a caption of rare words alone is learned as the empty prompt"


def test_what_a_caption_has_beyond_24_words_is_said():
    vocabulary = vocabulary_of([" ".join(f"word{place}" for place in range(30)), "short"], "captions")
    assert vocabulary.notes() == ["1 of the captions has more than 24 words; of each the first 24 are learned."]


def test_words_of_two_labels_are_no_label():
    with pytest.raises(UserError, match="No label has all the words of 'trouser sock'"):
        vocabulary_of(CLOTHES).ids("trouser sock")


@pytest.mark.parametrize("number, name", list(enumerate(DIGITS)))
def test_digits_and_their_names_mean_the_same(number, name):
    by_name, by_digit = vocabulary_of(DIGITS), vocabulary_of([str(digit) for digit in range(10)])
    np.testing.assert_array_equal(by_name.ids(str(number)), by_name.ids(name))
    np.testing.assert_array_equal(by_digit.ids(str(number)), by_digit.ids(name.upper()))


def test_captions_take_any_mix_of_known_words():
    vocabulary = vocabulary_of(["a red cat", "a small dog on grass"], "captions")
    assert meaning(vocabulary, "red dog") == {"red", "dog"}
    with pytest.raises(UserError, match="never saw the word 'grasss'. Did you mean 'grass'"):
        vocabulary.ids("dog on grasss")


def test_a_word_of_a_caption_may_come_twice_but_not_in_runs_of_before():
    captions = ["red circle above red square", "a cat"]
    vocabulary = vocabulary_of(captions, "captions")
    ids = vocabulary.ids("red Circle above red square")
    assert vocabulary.longest == 5 and ids[0] == ids[3] and np.all(ids > 0)
    assert vocabulary.prompt_of(ids) == captions[0]
    before = vocabulary.to_json()
    del before["repeats"]
    before = Vocabulary.from_json(before)
    assert before.longest == 4 and before.ids("red red cat").tolist() == [*vocabulary.ids("red cat")[:2], 0, 0]


def test_a_caption_may_be_long():
    long = " ".join(f"word{place}" for place in range(100))
    vocabulary = vocabulary_of([long, "short"], "captions")
    assert vocabulary.longest == len(vocabulary.ids(long)) <= 100
    assert meaning(vocabulary, "word3 short") == {"word3", "short"}


def test_an_unknown_word_without_a_near_one_lists_what_there_is():
    with pytest.raises(UserError, match="never saw the word 'xylophon'. It knows 10 labels: 'zero', 'one'"):
        vocabulary_of(DIGITS).ids("xylophon")


def test_no_prompts_means_that_none_can_be_followed():
    nothing = Vocabulary()
    np.testing.assert_array_equal(nothing.ids(""), [0])
    with pytest.raises(UserError, match="trained without prompts"):
        nothing.ids("seven")


def test_the_empty_prompt_is_all_zeros():
    for empty in ("", "  ", "\t\n"):
        np.testing.assert_array_equal(vocabulary_of(CLOTHES).ids(empty), [0])


def test_punctuation_alone_can_be_a_label():
    vocabulary = vocabulary_of(["?", "!", "a"])
    assert meaning(vocabulary, "!") == {"!"}


def test_counts_are_of_examples():
    vocabulary = Vocabulary.of(["a", "b"], np.array([1, 1, -1, 0, 1], np.int32), "labels")
    assert vocabulary.counts == (1, 3)


def test_writing_without_spaces_can_be_typed_in_part():
    captions = Vocabulary.of(["红色的狐狸", "白猫"], np.arange(2), "captions")
    assert captions.ids("狐").tolist() == captions.ids(" 狐 ").tolist() and captions.ids("白狐").any()
    labels = Vocabulary.of(["红狐", "白猫", "قطة حمراء"], np.arange(3), "labels")
    assert labels.ids("狐").tolist() == labels.ids("红狐").tolist()
    assert labels.ids("حمراء").tolist() == labels.ids("قطة حمراء").tolist()
    with pytest.raises(UserError, match="never saw the word '狗'"):
        labels.ids("狗")


def test_vocabularies_of_before_keep_their_words():
    old = Vocabulary.from_json({"words": ["红狐"], "prompts": ["红狐"], "counts": [3], "kind": "captions", "whole": False})
    assert old.ids("红狐").tolist() == [1]
    with pytest.raises(UserError):
        old.ids("狐")


@pytest.mark.parametrize(
    "labels, groups",
    [
        (["Cat", "cat", "dog"], ["'Cat' and 'cat'"]),
        (["hot dog", "hot_dog", "Hot-Dog", "x"], ["'hot dog' and 'hot_dog' and 'Hot-Dog'"]),
        (["A", "a", "B", "b"], []),  # letters
        (["C", "C++", "-1", "1", "1.5", "15"], []),
    ],
)
def test_labels_that_are_nearly_the_same_are_pointed_out(labels, groups):
    notes = Vocabulary.of(labels, np.arange(len(labels)), "labels").notes()
    assert len(notes) == len(groups) and all(group in note for group, note in zip(groups, notes, strict=True))
