"""Evaluation of rows, from data to report, of models that are what they are said to be."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest

from tests.evaluate.tables import Coded, Model, counting, examples_of, joined, people, run_of, shuffled, table
from tests.evaluate.test_report import Page
from tfgen.cli.evaluate import _one
from tfgen.errors import UserError
from tfgen.evaluate.compare import compare
from tfgen.evaluate.record import Evaluation
from tfgen.evaluate.request import EvaluateRequest, check
from tfgen.evaluate.rows import anomalies, boosting
from tfgen.evaluate.rows.alarms import collapsed_columns, lost_categories
from tfgen.evaluate.rows.anomalies import least_likely
from tfgen.evaluate.rows.metric_inputs import Likelihood
from tfgen.evaluate.rows.report_sections import written
from tfgen.evaluate.stage import evaluate
from tfgen.modalities.base import Modality
from tfgen.representations.rows.columns import CATEGORY, DATE, DATETIME, INTEGER, NUMBER, TIME, Column, Rows

LEARNED, HELD_OUT = 900, 500


def learned():
    """1,400 rows, of which the first are learned."""
    return examples_of(people(LEARNED + HELD_OUT), LEARNED)


def drawing(rows):
    """A model whose samples are these rows, over and over."""
    return lambda seeds: rows.take(seeds % len(rows))


MODELS = {
    "healthy": lambda training: people(4000, 77),
    "memory": lambda training: training,
    "independent": lambda training: shuffled(training),
    "narrow": lambda training: changed(people(4000, 77), age=lambda age: np.full_like(age, 40.0)),
    "without kings": lambda training: changed(people(4000, 77), job=lambda job: np.where(job == 4, 0, job)),
    "rich": lambda training: changed(people(4000, 77), wage=lambda wage: wage + 5000),
}


def changed(rows, **columns):
    return Rows(rows.columns, {**rows.values, **{name: make(rows.values[name]) for name, make in columns.items()}})


@pytest.fixture
def judge(monkeypatch, tmp_path):
    """The evaluation of a model by its name, and the run."""

    def judged(name, examples=None, nats=True, **options):
        examples = examples or learned()
        training = examples.rows.take(slice(0, examples.training))
        cost = counting(examples.codec.encode(training)) if nats else None
        run = run_of(monkeypatch, tmp_path, examples, Model(drawing(MODELS[name](training)), cost))
        return evaluate(run, EvaluateRequest(**options)), run

    return judged


def states(evaluation):
    return {alarm.name: alarm.state for alarm in evaluation.alarms}


@pytest.mark.slow
def test_a_healthy_model_is_praised_and_sets_off_no_alarm(judge):
    evaluation, run = judge("healthy")
    assert set(states(evaluation).values()) == {"quiet"}, evaluation.alarms
    assert evaluation["f1"].value > evaluation.baselines["independent"]["f1"] + 0.15
    assert evaluation["detectability"].value < 0.58 < 0.7 < evaluation.baselines["independent"]["detectability"]
    assert evaluation["quality"].value > evaluation.baselines["independent"]["quality"]
    assert evaluation["closeness"].value == pytest.approx(0.5, abs=0.06)
    assert evaluation["nats_per_row"].value > 0 and abs(evaluation["nats_gap"].value) < 1
    assert evaluation.baselines["copies"]["copied_rows"] == 1 and evaluation.baselines["copies"]["closeness"] > 0.7
    assert "as like the data as other real rows are" in evaluation.words
    assert "none of the attacks that were tried tells who was in the data" in evaluation.words
    assert "the alarm" not in evaluation.words
    assert evaluation.measured_with.target == "owner" and evaluation.measured_with.shape == (5,)
    assert any("predicting 'owner'" in note and "--target" in note for note in evaluation.notes)
    assert any("'wage' differs in nearly every row" in note for note in evaluation.notes)
    assert Evaluation.read(run.results) == evaluation
    assert "Column pair trends" in _one(evaluation)


@pytest.mark.slow
def test_a_model_that_remembers_is_caught(judge):
    evaluation, _ = judge("memory")
    found = states(evaluation)
    assert (found["copying"], found["memorised"]) == ("raised", "raised")
    assert evaluation["closeness"].value > 0.9 and evaluation["copied_rows"].value == 1
    assert "Don't publish the samples as anonymous" in evaluation.words
    # What the alarm is for: nothing else is wrong.
    assert evaluation["quality"].value > 0.99 and "none of the attacks" not in evaluation.words
    assert "train longer" not in evaluation.words


@pytest.mark.slow
def test_columns_that_have_nothing_to_do_with_each_other_are_no_success(judge):
    evaluation, _ = judge("independent")
    assert "much of what goes together in the data doesn't in the samples" in evaluation.words
    assert "less useful than real rows to predict 'owner'" in evaluation.words
    assert evaluation["shapes"].value > 0.99 and evaluation["strong_pairs"].value < 0.75


@pytest.mark.parametrize(
    "model, alarm, named",
    [
        pytest.param("narrow", "collapse", "'age'", marks=pytest.mark.slow),
        ("without kings", "category lost", "'job: king'"),
        pytest.param("rich", "detectable", "'wage' alone does 100%", marks=pytest.mark.slow),
    ],
)
def test_what_is_wrong_with_one_column_is_named(judge, model, alarm, named):
    evaluation, _ = judge(model)
    raised = {each.name: each.sentence + each.advice for each in evaluation.alarms if each.state == "raised"}
    assert named in raised[alarm]


@pytest.mark.slow
def test_the_report_shows_columns_pairs_use_and_privacy(judge):
    evaluation, run = judge("healthy", target="wage")
    html = (run.path / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    for words in ("Columns", "What goes together", "What gives samples away", "What samples are good for",
                  "Who was in the data", "'wage' of", "learned from", "no more than by chance"):
        assert words in page.text, words
    assert html.count("<img") == 5 + 3 and "&lt;smith&gt;" in html and "<smith>" not in html
    assert "http" not in html.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "R²" in page.text and "f1" not in evaluation.scores and "r2" in evaluation.scores


def test_without_held_out_rows_it_says_what_is_not_known(judge):
    examples = learned()
    examples.rows = examples.rows.take(slice(0, LEARNED))
    evaluation, _ = judge("healthy", examples)
    assert {"quality", "copied_rows"} <= set(evaluation.scores) and "closeness" not in evaluation.scores
    assert "rows that the model never saw" in evaluation.left_out["detectability"]
    found = states(evaluation)
    assert [found[name] for name in ("copying", "memorised", "detectable")] == ["not tested"] * 3
    assert "nobody can say whether it gives away who was in the data" in evaluation.words
    assert evaluation.baselines["real"]["quality"] > 0.9


def test_of_few_rows_no_verdict_is_given(judge):
    """Too little is known to acquit a model, or to praise it."""
    examples = examples_of(people(120), 80)
    for model in ("healthy", "memory"):
        evaluation, _ = judge(model, examples)
        assert "none of the attacks" not in evaluation.words
        assert "hardly does better than guessing" not in evaluation.words
        assert "name more held-out rows with --data" in evaluation.words
        assert "as useful as real rows" not in evaluation.words or "too few" in evaluation.words
        # Who has all rows by heart is found out even so.
        assert states(evaluation)["memorised"] == ("not tested" if model == "healthy" else "raised")


@pytest.mark.slow
def test_a_model_without_a_likelihood_is_judged_by_its_samples(judge):
    evaluation, _ = judge("healthy", nats=False)
    assert "can't say how likely a row is" in evaluation.left_out["likelihood"]
    assert "closeness" in evaluation.scores and states(evaluation)["memorised"] == "quiet"


def test_without_scikit_learn_the_rest_is_judged(judge, monkeypatch):
    monkeypatch.setattr(boosting, "is_installed", lambda: False)
    monkeypatch.setattr("tfgen.evaluate.rows.evaluator.is_installed", lambda: False)
    evaluation, _ = judge("healthy")
    assert {"quality", "closeness"} <= set(evaluation.scores)
    for name in ("usefulness", "augmentation", "detectability"):
        assert "pip install 'tfgen[tables]'" in evaluation.left_out[name]
    with pytest.raises(UserError, match=r"pip install 'tfgen\[tables\]'"):
        judge("healthy", metrics=("usefulness",))


def test_a_target_is_only_for_rows_and_must_be_there(judge):
    with pytest.raises(UserError, match="Only rows have a column to predict"):
        check(EvaluateRequest(target="age"), "sequences", "text")
    with pytest.raises(UserError, match="No extractor is needed to judge rows"):
        check(EvaluateRequest(extractor="random"), "rows", "text")
    with pytest.raises(UserError, match="Did you mean 'age'"):
        judge("healthy", target="agee")


def test_runs_are_compared_and_another_target_is_not(judge):
    first, _ = judge("healthy", metrics=("quality", "usefulness"))
    second, _ = judge("independent", metrics=("quality", "usefulness"))
    second = dataclasses.replace(second, run="other")
    rows = {row.score: row.sentence for row in compare([first, second]).rows}
    assert rows["strong_pairs"] == "people-gpt is best" and rows["f1"] == "people-gpt is best"
    other = dataclasses.replace(second, measured_with=dataclasses.replace(second.measured_with, target="job"))
    rows = {row.score: row.sentence for row in compare([first, other]).rows}
    assert rows["f1"] == "not comparable: the target differs" and rows["strong_pairs"] == "people-gpt is best"


def test_rows_that_were_learned_are_no_held_out_rows(judge, monkeypatch):
    examples = learned()
    from tfgen.evaluate import training_data

    open_own = training_data.open_showing

    def opens(rows, print_of="others"):
        found = examples_of(rows, 0, print_of)

        def open_it(source, *rest):
            return found if source == "others.csv" else open_own(source, *rest)

        monkeypatch.setattr(training_data, "open_showing", open_it)

    monkeypatch.setattr(training_data.MODALITIES, "load", lambda name: TableModality)
    opens(people(400, 50))
    evaluation, _ = judge("healthy", examples, holdout="others.csv", metrics=("closeness",))
    assert evaluation.measured_with.holdout == "print of others"
    opens(examples.rows.take(slice(0, 300)))
    with pytest.raises(UserError, match="is the data that the run learned"):
        judge("healthy", examples, holdout="others.csv", metrics=("closeness",))
    opens(Rows(people(1).columns[1:], {name: values for name, values in people(50).values.items() if name != "age"}))
    with pytest.raises(UserError, match="has no column 'age'"):
        judge("healthy", examples, holdout="others.csv", metrics=("closeness",))


class TableModality(Modality):
    singular, plural = "table", "tables"

    @classmethod
    def held_out_settings(cls, examples, settings, folder):
        return settings


# The parts.


def test_variety_and_lost_categories_are_seen_column_by_column():
    real, columns = people(3000), people(1).columns
    assert collapsed_columns(table(real), table(people(300, 1))) == []
    spiky = changed(real, wage=lambda wage: np.where(np.arange(3000) < 2700, 0.0, wage))
    assert collapsed_columns(table(spiky), table(spiky)) == []
    empty = changed(real, wage=lambda wage: np.full(3000, np.nan))
    assert collapsed_columns(table(real), table(empty)) == ["wage"]
    assert collapsed_columns(table(empty), table(real)) == []
    few = changed(people(100, 1), job=lambda job: np.where(job == 4, 0, job))
    assert lost_categories(table(real), table(few), columns) == []  # five were to be expected
    more = changed(people(1000, 1), job=lambda job: np.where(job >= 3, 0, job))
    assert lost_categories(table(real), table(more), columns) == ["job: judge", "job: king"]


def test_likelihoods_come_in_the_order_of_the_rows_whatever_their_number():
    import tensorflow as tf

    ask = Likelihood(Model(None, lambda rows: tf.cast(rows[:, 0] * 10 + rows[:, 1], tf.float32)))
    tokens = np.stack([np.arange(3000), np.arange(3000) % 7], axis=1).astype(np.uint16)
    assert np.array_equal(ask(tokens), -(tokens[:, 0] * 10.0 + tokens[:, 1]))
    assert len(ask(tokens[:0])) == 0


def test_the_least_likely_rows_and_the_cells_that_make_them_so():
    """Of a model under which the third column is the first, nearly always."""
    import tensorflow as tf

    columns = (Column("a", CATEGORY, tuple("wxyz")), Column("b", CATEGORY, tuple("wxyz")))
    generator = np.random.default_rng(0)
    codes = generator.integers(0, 4, 300).astype(np.int32)
    rows = Rows(columns, {"a": codes, "b": codes.copy()})
    rows.values["b"][41] = (codes[41] + 1) % 4

    def likelihood(tokens):
        same = tf.cast(tokens[:, 0] == tokens[:, 1], tf.float32)
        return tf.math.log(0.25 * (0.97 * same + 0.01 * (1 - same)))

    examples = examples_of(rows, 200)
    places, cost, cells = least_likely(Model(None, likelihood), Coded(rows), examples, 3)
    assert places[0] == 41 and cost[0] == pytest.approx(-np.log(0.25 * 0.01), rel=1e-4)
    # Given the other, either is as unlikely: .01.
    assert cells[0] == pytest.approx([-np.log(0.01)] * 2, rel=1e-3)
    assert cells[1] == pytest.approx([-np.log(0.97)] * 2, rel=1e-2)
    with pytest.raises(UserError, match="can't say how likely a row is"):
        least_likely(Model(None), Coded(rows), examples, 3)


def test_rows_are_listed_with_their_values(monkeypatch, tmp_path):
    rows = joined(people(400), changed(people(1), age=lambda age: age * 0 + 79, owner=lambda owner: owner * 0))
    examples = examples_of(rows, 300)
    model = Model(None, counting(examples.codec.encode(rows)))
    run = run_of(monkeypatch, tmp_path, examples, model)
    monkeypatch.setattr(anomalies, "load_model_and_checkpoint", lambda run: (model, "step-7"))
    found = anomalies.rows_of(run, None, 5)
    assert len(found) == 5 and [row.nats for row in found] == sorted((row.nats for row in found), reverse=True)
    assert set(found[0].values) == {"age", "wage", "job", "town", "owner"} == set(found[0].column_nats)
    assert json.dumps([row.to_json() for row in found])
    # Of columns that have nothing to do with each other, what the row costs is what its cells cost.
    assert sum(found[0].column_nats.values()) == pytest.approx(found[0].nats, rel=0.02)


@pytest.mark.parametrize(
    "column, value, words",
    [
        (Column("a", INTEGER), 41.0, "41"),
        (Column("a", NUMBER, decimals=2), 1234.5, "1234.50"),
        (Column("a", NUMBER), np.nan, "–"),
        (Column("a", CATEGORY, ("x", "y" * 60)), 1, "y" * 39 + "…"),
        (Column("a", CATEGORY, ("x",)), -1, "–"),
        (Column("a", DATE), 19_723.0, "2024-01-01"),
        (Column("a", DATETIME), 1_704_110_400.0, "2024-01-01 12:00:00"),
        (Column("a", TIME), 3_723.0, "01:02:03"),
        (Column("a", DATE), 1e12, "1000000000000"),
    ],
)
def test_cells_are_written_as_a_person_reads_them(column, value, words):
    assert written(column, value) == words


def test_the_command_lists_rows_and_what_makes_them_unlikely(capsys):
    from tfgen.cli.evaluate import _list_rows
    from tfgen.evaluate.rows.anomalies import LikelyRow

    cells = {"job": 6.25, "town": 1.0, "owner": 0.5, "age": 0.1}
    row = LikelyRow(41, 9.5, {"age": "79", "job": "king", "town": "A", "owner": "no"}, cells)
    asked = []
    run = SimpleNamespace(least_likely=lambda source, count: asked.append((source, count)) or [row])
    _list_rows([run], "new.csv", None, False)
    lines = capsys.readouterr().out.splitlines()
    assert asked == [("new.csv", 20)] and lines[1].split()[:3] == ["42", "9.5", "job=king"]
    assert "town=A (1.0)" in lines[1] and "age" not in lines[1]
    _list_rows([run], None, 5, True)
    assert json.loads(capsys.readouterr().out)[0]["nats"] == 9.5 and asked[1] == (None, 5)
    with pytest.raises(UserError, match="Rows are listed of one run"):
        _list_rows([run, run], None, None, False)
