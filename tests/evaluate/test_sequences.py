"""`tfgen evaluate` on runs of a GPT: scores, alarms on models that deserve them, comparisons, refusals, the report."""

import json
import math

import numpy as np
import pytest

from tests.conftest import fit_run
from tests.evaluate.conftest import TEXT_QUICK
from tfgen.errors import UserError
from tfgen.evaluate.compare import check_runs, compare
from tfgen.evaluate.record import Evaluation, MeasuredWith
from tfgen.evaluate.request import EvaluateRequest, metrics_of
from tfgen.evaluate.sequences import metric_inputs
from tfgen.evaluate.sequences.losses import LossReader
from tfgen.evaluate.sequences.reference_data import ReferenceData, Tokens
from tfgen.evaluate.stage import evaluate
from tfgen.restore import load_model

QUICK = EvaluateRequest(count=60)
ALARMING = ("bits", "generalisation", "memorisation")  # what the alarms about learning go by
pytestmark = pytest.mark.slow  # the fits that all look at take half a minute


def states_of(evaluation):
    return {alarm.name: alarm.state for alarm in evaluation.alarms}


@pytest.fixture(scope="module")
def judged(writer):
    """What was found of a model that has learned a little."""
    return evaluate(writer, QUICK)


@pytest.mark.slow
def test_a_healthy_model_is_judged_and_sets_off_no_alarm(judged, writer):
    assert set(states_of(judged).values()) == {"quiet"}, judged.alarms
    assert {"bits_per_character", "perplexity", "generalisation_gap", "distinct_1", "distinct_2", "distinct_3",
            "overlap", "repetition", "longest_match", "longest_match_95", "copied_windows",
            "detectability"} == set(judged.scores)
    assert set(judged.left_out) == {"membership", "canaries"} and "20 documents" in judged.left_out["membership"]
    assert list(judged.baselines) == ["real", "n-gram", "copies"]
    assert judged.scores["perplexity"].value == pytest.approx(
        math.exp(judged.scores["bits_per_character"].value * math.log(2))  # a token is a character
    )
    assert judged.scores["bits_per_character"].half_width > 0
    assert judged.baselines["n-gram"]["detectability"] > judged.baselines["copies"]["detectability"]
    assert "perplexity" in judged.baselines["n-gram"] and "perplexity" not in judged.baselines["copies"]
    assert judged.baselines["copies"]["copied_windows"] == 1 and judged.baselines["real"]["copied_windows"] < 0.1
    assert (writer.path / "report.html").stat().st_size > 10_000


def test_the_loss_is_that_of_a_plain_loop(writer):
    reference, model = ReferenceData(writer, None), load_model(writer)
    tokens = reference.unseen[:150]
    line = np.concatenate([[model.example.start], tokens.ids])
    found = LossReader(model).read(tokens).nats
    for start in range(0, 150, model.context):
        window = line[start : start + model.context + 1][None]
        logits = model.logits(window[:, :-1].astype(np.int32)).numpy()[0].astype(np.float64)
        logs = logits - np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True)) - logits.max(
            1, keepdims=True
        )
        wanted = -logs[np.arange(len(window[0]) - 1), window[0, 1:]]
        np.testing.assert_allclose(found[start : start + model.context], wanted, atol=2e-4)


def test_documents_that_are_apart_cost_what_each_costs_by_itself(writer):
    reference, model = ReferenceData(writer, None), load_model(writer)
    ids = reference.unseen.ids[:100].copy()
    ids[[0, 7, 8, 60]] = reference.end  # an empty one, and one that is longer than a window
    tokens = Tokens(ids, np.ones(100, bool), np.ones(100, np.int64))
    found = LossReader(model, apart=True).read(tokens)
    alone = LossReader(model)
    for start, stop in zip([0, 1, 8, 9, 61], [1, 8, 9, 61, 100]):
        single = alone.read(tokens[start:stop])
        np.testing.assert_allclose(found.nats[start:stop], single.nats, atol=1e-5)
        np.testing.assert_array_equal(found.places[start:stop], single.places)


def test_characters_are_those_of_the_text(writer):
    reference = ReferenceData(writer, None)
    ends = int((reference.unseen.ids == reference.end).sum())
    assert reference.unseen.units.sum() == len(reference.text(reference.unseen.ids)) + ends
    assert reference.unseen.units.sum() == reference.training.holdout_units
    assert reference.searched.startswith(reference.text(reference.values[:100]))


@pytest.mark.slow
def test_the_command_prints_the_table_and_scores_the_same_again(judged, writer, command):
    result = command("evaluate", writer.path, "-n", QUICK.count)
    assert result.exit_code == 0, result.output
    assert "bits per character" in result.stdout and "n-gram" in result.stdout
    assert "The longest match, of" in result.stdout and "report.html" in result.stderr
    for name in metrics_of("arrays", "image"):
        assert f"Left out: {name}" not in result.stdout or name in ("membership", "canaries")
    again = Evaluation.read(writer.path)
    assert again.scores == judged.scores and again.baselines == judged.baselines and again.notes == judged.notes
    result = command("evaluate", writer.path, "--metric", "perplexity", "--json")
    assert set(json.loads(result.stdout)["scores"]) == {"perplexity"}


def test_a_part_needs_no_samples(writer, monkeypatch):
    monkeypatch.setattr(metric_inputs, "sample_ids", lambda *_: pytest.fail("samples were made"))
    evaluation = evaluate(writer, EvaluateRequest(metrics=("perplexity", "bits", "generalisation")))
    assert set(evaluation.scores) == {"perplexity", "bits_per_character", "generalisation_gap"}


# Alarms.


@pytest.fixture(scope="module")
def overfit(tmp_path_factory, plays):
    """A run that knows 3,000 letters by heart. With text set aside, it would measure itself and end with its best
    weights."""
    settings = ("context=64", "batch_size=8", "tokenizer=characters", "holdout=0")
    return fit_run("gpt", tmp_path_factory.mktemp("overfit") / "run", plays["few"], 400, *settings)


@pytest.mark.slow
def test_a_model_overfit_to_three_thousand_letters(overfit, plays):
    evaluation = evaluate(overfit, EvaluateRequest(str(plays["others"]), ALARMING, count=60))
    states = states_of(evaluation)
    assert states["overfit"] == "raised" and states["copying"] == "raised", evaluation.scores
    assert 'the alarm "overfit" is raised' in evaluation.words
    assert evaluation.scores["longest_match_95"].value > 2 * evaluation.baselines["real"]["longest_match_95"]


@pytest.mark.slow
def test_without_held_out_text_there_is_no_prediction_to_judge(overfit):
    evaluation = evaluate(overfit, QUICK)
    assert "--data" in evaluation.left_out["perplexity"] and "real" not in evaluation.baselines
    states = states_of(evaluation)
    assert states["overfit"] == states["hasn't learned"] == "not tested"
    assert any("No held-out text" in note for note in evaluation.notes)


@pytest.mark.slow
def test_a_model_that_has_hardly_begun(plays, tmp_path, plain_steps):
    run = fit_run("gpt", tmp_path / "run", plays["learned"], 3, *TEXT_QUICK, "tokenizer=characters")
    states = states_of(evaluate(run, EvaluateRequest(metrics=ALARMING, count=60)))
    assert states["hasn't learned"] == "raised" and states["copying"] == states["overfit"] == "quiet"


def test_a_copy_of_the_training_text(writer, monkeypatch):
    def remember(model, codec, openings, seed, length, *_):
        values = ReferenceData(writer, None).values
        starts = np.random.default_rng(seed).integers(0, 100_000, len(openings))
        return [values[start : start + 200] for start in starts]

    monkeypatch.setattr(metric_inputs, "sample_ids", remember)
    evaluation = evaluate(writer, EvaluateRequest(count=60, metrics=("memorisation", "distinct", "repetition")))
    assert states_of(evaluation)["copying"] == "raised"
    assert evaluation.scores["copied_windows"].value == 1 and evaluation.scores["longest_match"].value == 200


def test_a_model_that_goes_round_in_a_circle(writer, monkeypatch):
    tokenizer = ReferenceData(writer, None).codec
    circle = tokenizer.encode("and then he said " * 12)[:200]
    monkeypatch.setattr(metric_inputs, "sample_ids", lambda model, codec, openings, *_: [circle] * len(openings))
    evaluation = evaluate(writer, EvaluateRequest(count=60, metrics=("repetition", "overlap", "memorisation")))
    assert states_of(evaluation)["repeats itself"] == "raised"
    assert evaluation.scores["overlap"].value == 1


# Held-out text, other kinds of text.


@pytest.mark.slow
def test_held_out_text_of_ones_own(judged, writer, plays):
    evaluation = evaluate(writer, EvaluateRequest(str(plays["others"]), ("bits",)))
    assert evaluation.measured_with.holdout != judged.measured_with.holdout
    assert evaluation.scores["bits_per_character"].value == pytest.approx(
        judged.scores["bits_per_character"].value, rel=0.15
    )
    with pytest.raises(UserError, match="the held-out data"):
        compare([judged, Evaluation.from_json({**evaluation.to_json(), "run": "other"})])


def test_the_training_text_is_no_held_out_text_under_any_name(writer, plays, tmp_path, command):
    result = command("evaluate", writer.path, "--data", plays["learned"])
    assert result.exit_code == 2 and "is the data that the run learned" in result.stderr
    (tmp_path / "copy.txt").write_bytes(plays["learned"].read_bytes()[20_000:120_000])
    result = command("evaluate", writer.path, "--data", tmp_path / "copy.txt")
    assert result.exit_code == 2 and "is the data that the run learned" in result.stderr


def test_pictures_are_no_held_out_text(writer, digits, command):
    result = command("evaluate", writer.path, "--data", digits)
    assert result.exit_code == 2 and "tokenizer" in result.stderr


@pytest.fixture(scope="module")
def notes_run(tmp_path_factory, plays):
    """A run on 300 short documents, with prompts that aren't learned."""
    folder = tmp_path_factory.mktemp("notes")
    lines = [line for line in plays["learned"].read_text().splitlines() if len(line) > 25][:300]
    rows = [json.dumps({"prompt": line[:10], "completion": line[10:]}) for line in lines]
    (folder / "notes.jsonl").write_text("\n".join(rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfgen.models.language.LanguageModel.jit_compile", False)  # as `plain_steps`
        return fit_run("gpt", folder / "run", folder / "notes.jsonl", 20, "context=32", "batch_size=8")


@pytest.mark.slow
def test_documents_with_prompts(notes_run):
    evaluation = evaluate(notes_run, QUICK)
    assert "membership" in evaluation.scores or "20 documents" in evaluation.left_out["membership"]
    assert {"bits_per_character", "distinct_2", "longest_match"} <= set(evaluation.scores)
    assert all(math.isfinite(score.value) for score in evaluation.scores.values())
    # So little unseen text would only repeat itself.
    assert evaluation.baselines["real"]["distinct_2"] == evaluation.baselines["copies"]["distinct_2"]
    assert any("too short for so many samples" in note for note in evaluation.notes)
    assert any("The prompts that are held out" in note and "more than once" in note for note in evaluation.notes)


@pytest.mark.slow
def test_what_is_given_costs_nothing(notes_run):
    reference = ReferenceData(notes_run, None)
    read = LossReader(load_model(notes_run)).read(reference.unseen)
    nats, tokens, characters = read.pieces(np.array([0]))[0]
    assert tokens == reference.unseen.learned.sum() < len(reference.unseen)
    assert nats == pytest.approx(read.nats[reference.unseen.learned].sum())
    assert characters == reference.training.holdout_units


# Comparing.


@pytest.mark.slow
def test_runs_with_different_tokenizers_are_compared_by_bits_only(
    judged, writer, plays, tmp_path, command, plain_steps
):
    other = fit_run("gpt", tmp_path / "pairs", plays["learned"], 30, *TEXT_QUICK, "tokenizer=bpe",
                    "vocabulary_size=400")
    result = command("evaluate", writer.path, other.path, "-n", 40)
    assert result.exit_code == 0, result.output
    rows = {row.score: row for row in compare([Evaluation.read(run.path) for run in (writer, other)]).rows}
    assert rows["perplexity"].sentence == "not comparable: the tokenizer differs" and not rows["perplexity"].differences
    assert rows["bits_per_character"].sentence == f"{writer.name} is best"
    assert rows["bits_per_character"].differences[0].means_something


def test_texts_and_pictures_are_not_compared(writer, gan_run):
    with pytest.raises(UserError, match="make different things .pictures and texts."):
        check_runs([writer, gan_run])


@pytest.mark.slow
def test_records_from_before_there_was_text_are_read(judged, tmp_path):
    old = judged.to_json()
    for name in ("modality", "tokenizer"):
        del old["measured_with"][name]
    (tmp_path / "evaluation.json").write_text(json.dumps(old))
    measured = Evaluation.read(tmp_path).measured_with
    assert measured == MeasuredWith(**{**old["measured_with"], "shape": tuple(old["measured_with"]["shape"])})
    assert measured.modality == "image"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--metric", "frechet"], "No metric named 'frechet'"),
        (["--metric", "perplexty"], "Did you mean 'perplexity'"),
        (["--extractor", "random"], "No extractor is needed"),
        (["-n", 3], "3 samples can't be scored"),
        (["--data", "nowhere"], "no file, folder or data set named 'nowhere'"),
    ],
)
def test_bad_requests_are_refused(writer, command, arguments, words):
    result = command("evaluate", writer.path, *arguments)
    assert result.exit_code == 2 and words in result.stderr
