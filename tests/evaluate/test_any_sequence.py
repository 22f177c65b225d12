"""Evaluation of sequences that are no texts: melodies of a plugin, a token for each note and no file with tokens."""

import shutil

import numpy as np
import pytest

from tests.evaluate.test_report import Page
from tests.sources import SOURCES
from tfgen.errors import UserError
from tfgen.evaluate.compare import check_runs
from tfgen.evaluate.request import EvaluateRequest
from tfgen.evaluate.score_descriptions import description_of, title_of
from tfgen.evaluate.sequences import reference_data
from tfgen.evaluate.sequences.reference_data import ReferenceData
from tfgen.evaluate.stage import evaluate
from tfgen.run import Run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def melodies(fit_once, tmp_path_factory):
    """A copy of a run that other tests make too, since an evaluation is written into it."""
    path = tmp_path_factory.mktemp("melodies") / "run"
    fitted = fit_once("gpt", 120, *SOURCES["melody"].sequence_settings, modality="melody", seed=1)
    shutil.copytree(fitted.path, path)
    return Run.open(str(path))


@pytest.fixture(scope="module")
def judged(melodies):
    return evaluate(melodies, EvaluateRequest(count=60))


def test_a_run_of_no_texts_is_judged(judged):
    assert {"bits_per_character", "perplexity", "generalisation_gap", "membership", "distinct_1", "repetition",
            "longest_match"} <= set(judged.scores)
    assert all(np.isfinite(score.value) for score in judged.scores.values())
    measured = judged.measured_with
    assert (measured.representation, measured.modality, measured.unit) == ("sequences", "melody", "note")
    # A note is a token, so its bits are those of a token.
    assert np.log2(judged["perplexity"].value) == pytest.approx(judged["bits"].value)
    assert judged["bits"].value < judged.baselines["n-gram"]["bits_per_character"] * 2 < 2 * np.log2(9)


def test_its_unit_is_said_wherever_bits_are(judged, melodies, command):
    result = command("evaluate", melodies.path, "-n", 40)
    assert result.exit_code == 0, result.output
    page = Page((melodies.path / "report.html").read_text(encoding="utf-8"))
    for said in (result.stdout, page.text):
        assert "Bits per note" in said and "per character" not in said
    assert "notes to learn" in page.text
    assert f"bits per {judged.measured_with.unit}" in judged.words + judged.alarms[-1].sentence


def test_titles_name_the_unit_and_scores_keep_their_names():
    assert title_of("bits_per_character") == "Bits per character" and title_of("perplexity") == "Perplexity"
    assert title_of("bits_per_character", "bits", "note") == "Bits per note"
    assert "bits per note" in description_of("generalisation_gap", "generalisation", "note").sentence
    assert title_of("sweetness_of_sound", "sweetness") == "Sweetness of sound"


def test_what_is_counted_in_characters_stays_so(judged):
    """A match is found in what sequences say, whatever they are counted by."""
    title = description_of("longest_match", "memorisation", judged.measured_with.unit)
    assert "characters" in title.sentence and "note" not in title.sentence
    pieces = description_of("copied_windows", "memorisation", judged.measured_with.unit)
    assert "50 characters" in pieces.sentence


def test_tokens_without_a_file_have_a_hash_too(judged, melodies, monkeypatch):
    from tests.plugins.melody.tfgen_melody import MelodySequenceCodec

    class Louder(MelodySequenceCodec):
        def token_bytes(self):
            return [content.upper() + b"!" for content in super().token_bytes()]

    assert len(judged.measured_with.tokenizer) == 32
    monkeypatch.setattr("tfgen_melody.MelodySequenceCodec.token_bytes", lambda self: Louder(1).token_bytes())
    louder = evaluate(melodies, EvaluateRequest(metrics=("perplexity",)))
    assert louder.measured_with.tokenizer != judged.measured_with.tokenizer


def test_as_much_is_searched_as_is_said(melodies, monkeypatch):
    """By characters, of which a note has two and an end one."""
    whole = ReferenceData(melodies, None)
    assert whole.all_searched and len(whole.searched) > 1.5 * len(whole.values)
    monkeypatch.setattr(reference_data, "MOST_SEARCHED", len(whole.searched) - 5)
    part = ReferenceData(melodies, None)
    assert not part.all_searched and part.searched == whole.searched[:-5]


def test_held_out_sequences_are_read_by_the_run_s_own_modality(melodies, tmp_path):
    notes = np.random.default_rng(0).choice(list("CDEFGAH"), [150, 16])
    lines = [f"up: {' '.join(row)}" for row in notes]
    (tmp_path / "others.melodies").write_text("\n".join(lines), encoding="utf-8")
    evaluation = evaluate(melodies, EvaluateRequest(str(tmp_path / "others.melodies"), ("bits",)))
    assert evaluation["bits"].value > 2.5  # of notes by chance, nobody can say less than log2 7
    with pytest.raises(UserError, match="'digits' is pictures, and the run learned melodies"):
        evaluate(melodies, EvaluateRequest("digits", ("bits",)))


def test_arrays_and_sequences_of_one_modality_are_not_compared(melodies, fit_once):
    arrays = fit_once("gan", 1500, modality="melody")
    with pytest.raises(UserError, match="learned their data as arrays and as sequences"):
        check_runs([melodies, arrays])


def test_an_extractor_and_metrics_of_arrays_are_refused(melodies):
    with pytest.raises(UserError, match="No extractor is needed to judge sequences"):
        evaluate(melodies, EvaluateRequest(extractor="random"))
    with pytest.raises(UserError, match="No metric named 'frechet'"):
        evaluate(melodies, EvaluateRequest(metrics=("frechet",)))
