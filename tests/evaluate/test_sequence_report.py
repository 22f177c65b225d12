"""The report on texts: safe whatever a model says, with copies marked where they are, and every part in its place."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.evaluate.test_report import EVIL, Page, evaluation_of
from tfgen.evaluate.record import MeasuredWith, Score
from tfgen.evaluate.report import write_report
from tfgen.evaluate.sequences.evaluator import parts_of
from tfgen.evaluate.sequences.losses import Read
from tfgen.evaluate.sequences.matching import Searched
from tfgen.evaluate.sequences.reference_data import Tokens
from tfgen.evaluate.sequences.summary import in_words
from tfgen.run import Run

TRAINING = f"Once upon a time there was {EVIL} in a wood.\uffffAnother day, another text & <b>bold</b>."


def inputs_of(texts, unseen=True, context=8):
    """What the report takes of a tfgen.evaluate.sequences.metric_inputs.SequenceInputs."""
    codec = SimpleNamespace(unit="character", specification=SimpleNamespace(vocabulary_size=99))
    data = SimpleNamespace(
        searched=TRAINING, codec=codec, training=SimpleNamespace(training_units=12345),
        opened_by="prompts that are held out", text=str,
    )
    count = 10 * context
    tokens = Tokens(np.zeros(count, np.int32), np.ones(count, bool), np.ones(count, np.int64))
    read = Read(tokens, np.tile(np.linspace(3.0, 1.0, context), 10), np.tile(np.arange(context), 10))
    searched = Searched(TRAINING)
    return SimpleNamespace(
        texts=texts,
        openings=[EVIL] * len(texts["samples"]),
        matches={name: searched.matches(each) for name, each in texts.items()},
        data=data,
        model=SimpleNamespace(context=context),
        others={},
        unseen=read if unseen else None,
    )


def evaluation_of_text(**changes):
    measured = MeasuredWith(1, "none", "", "none", "4567", (200,), 60, 7, "89ab", "text", "cdef")
    scores = {"bits_per_character": Score("bits", 2.5, 0.1, "lower"),
              "distinct_2": Score("distinct", 0.7, 0.02, "near 0.6"),
              "generalisation_gap": Score("generalisation", 0.2, None, "lower")}
    baselines = {"real": {"distinct_2": 0.6}, "n-gram": {"bits_per_character": 2.2}, "copies": {}}
    return evaluation_of(measured_with=measured, scores=scores, baselines=baselines, **changes)


@pytest.fixture
def page(tmp_path):
    def write(texts, **options):
        run = Run(tmp_path, {"model": "gpt", "data": {"source": EVIL}, "modality": "text"})
        evaluation = evaluation_of_text()
        write_report(run, evaluation, parts_of(run, evaluation, inputs_of(texts, **options)))
        content = (tmp_path / "report.html").read_text(encoding="utf-8")
        return Page(content), content

    return write


def test_what_a_model_says_is_only_text(page):
    texts = {"samples": [EVIL, f"there was {EVIL} in", "</pre></article>", "a\x1b[31m\x00b"], "real": [EVIL]}
    found, content = page(texts)
    assert "script" not in {tag for tag, _ in found.tags}
    assert "\x1b" not in content and "\x00" not in content
    assert found.text.count("alert('1')") >= 5
    assert all(address.startswith(("data:", "#")) for address in found.addresses)


def test_the_longest_matches_are_marked_with_their_place(page):
    samples = ["zz upon a time there zz", "qq", "Another day, another teXt"]
    found, content = page({"samples": samples, "real": ["a wood"]})
    assert "<mark> upon a time there </mark>" in content
    assert "at character 4 of the training text" in found.text
    first, second = content.index(" upon a time there </mark>"), content.index("<mark>Another day, another te</mark>")
    assert second < first  # the longest comes first
    assert "seed 9, 23 characters" in found.text and "the longest has 6" in found.text


def test_the_use_of_the_context_is_drawn(page):
    found, _ = page({"samples": ["text"]})
    assert "The first quarter has 2.86, the last 1.14" in found.text
    assert len(found.of_class("lines")) == 1
    found, _ = page({"samples": ["text"]}, unseen=False)
    assert "What the context is for" not in found.text


def test_it_says_how_texts_were_made_and_where_better_is(page):
    found, _ = page({"samples": ["text"], "real": ["real"], "n-gram": ["made"]})
    for said in ("temperature 1", "60 of at most 200 tokens", "12,345 characters to learn",
                 "99 different (cdef)", "near 0.6", "Real text that it never saw", "By the n-gram model"):
        assert said in found.text
    assert "Pictures" not in found.text


def test_very_long_texts_are_cut(page):
    _, content = page({"samples": ["x" * 100_000 + "Once upon a time" + "y" * 100_000]})
    assert len(content) < 60_000 and "<mark>Once upon a time</mark>" in content


@pytest.mark.parametrize(
    "value, half_width, said",
    [
        (0.9, 0.02, "words stand together that don't in real text"),
        (0.9, 0.3, "as varied as real text"),  # it may well be no more than real text has
        (0.6, 0.02, "as varied as real text"),
        (0.2, 0.02, "less varied than real text"),
        (0.4, 0.2, None),
    ],
)
def test_the_words_on_variety_heed_how_sure_the_score_is(value, half_width, said):
    scores = {"distinct_2": Score("distinct", value, half_width, "near 0.6")}
    words = in_words(evaluation_of(scores=scores, baselines={"real": {"distinct_2": 0.6}}))
    assert said in words if said else "varied" not in words and "together" not in words
