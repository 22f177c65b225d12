"""What every model of rows must do for a user, on the embedded table: learn, repeat itself, resume, keep to conditions
and constraints, and say how many of its rows are like that."""

import csv
import dataclasses
import json
import subprocess
import sys
from datetime import date, datetime, time

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import assert_same_state, fit_run, state_of, stopped_at
from tests.conformance.cases import SLOW, battery_of, learners_of
from tests.sources import SOURCES
from tfgen.catalog import config_class
from tfgen.data import open_data
from tfgen.errors import UserError
from tfgen.export.rows import RowExport, base_of
from tfgen.export.signatures import PHONE, SERVER
from tfgen.generate import Request, open_generator
from tfgen.representations.rows.conditions import FREE, read_conditions
from tfgen.representations.rows.sampler import RowSampler
from tfgen.restore import build_model, load_model, open_codec

ASKED = "smoker=yes, age=30..50"


# One model of rows is quick; with four, the quick tests would take longer than a person waits.
LEARNERS = [
    pytest.param(each.values[0], id=each.id, marks=[] if each.values[0][1] == "gpt" else SLOW)
    for each in battery_of("rows")
]


@pytest.fixture(params=LEARNERS)
def learner(request):
    return request.param


@pytest.fixture
def run(fit_once, learner):
    """The same tiny fitted run for all tests here. Don't change it."""
    modality, model = learner
    return fit_once(model, SOURCES[modality].row_steps, modality=modality)


@pytest.fixture
def sampler(run):
    return RowSampler(load_model(run), open_codec(run))


def distance(codec, one, other):
    """The mean total variation of pairs of columns, in tokens of at most 8 bins."""
    coarse = [
        np.stack([tokens[:, at] * 8 // size for at, size in enumerate(codec.specification.sizes)], axis=1)
        for tokens in (codec.encode(one).astype(int), codec.encode(other).astype(int))
    ]
    apart = []
    for first in range(coarse[0].shape[1]):
        for second in range(first):
            counts = [np.bincount(9 * part[:, first] + part[:, second], minlength=81) / len(part) for part in coarse]
            apart.append(0.5 * np.abs(counts[0] - counts[1]).sum())
    return float(np.mean(apart))


def test_learns(run, sampler):
    codec, examples = open_codec(run), open_data(run.data_source())
    seeds = np.arange(1000, dtype=np.int32)
    untrained = distance(codec, RowSampler(build_model(run), codec)(seeds), examples.rows)
    assert distance(codec, sampler(seeds), examples.rows) < 0.9 * untrained
    assert all(np.isfinite(value) for row in run.history() for value in row.values())


def test_a_row_is_its_seeds_own(sampler):
    together, later = sampler(np.arange(40, dtype=np.int32)), sampler(np.arange(30, 35, dtype=np.int32))
    for name, values in together.values.items():
        assert np.array_equal(values[30:35], later.values[name], equal_nan=True)
    assert len(np.unique(np.round(together.values["charges"], 2))) > 20


def test_conditions_hold_in_every_row_and_their_share_is_told(run, sampler):
    codec, seeds = open_codec(run), np.arange(300, dtype=np.int32)
    rows, share = sampler.drawn(seeds, read_conditions(codec, ASKED))
    age, smoker = rows.values["age"], next(column for column in codec.columns if column.name == "smoker")
    assert (age >= 30).all() and (age <= 50).all()
    assert {smoker.categories[place] for place in rows.values["smoker"]} == {"yes"}
    free = sampler(np.arange(4000, dtype=np.int32)).values
    real = float(np.mean((free["age"] >= 30) & (free["age"] <= 50)
                         & (free["smoker"] == smoker.categories.index("yes"))))
    assert share == pytest.approx(real, rel=0.35)


@pytest.mark.slow
def test_resumes_to_the_same_bytes(learner, isolated, tmp_path, narrow_table):
    _, model = learner
    known = {field.name for field in dataclasses.fields(config_class(model, "rows"))}
    settings = [f"{name}={value}" for name, value in (("batch_size", 32), ("width", 16)) if name in known]
    whole = fit_run(model, tmp_path / "whole", narrow_table, 24, *settings)
    with stopped_at(12):
        stopped = fit_run(model, tmp_path / "parts", narrow_table, 24, *settings)
    assert stopped.record["status"] == "stopped"
    resumed = fit_run(model, stopped.path, narrow_table, None, size=None, resume=True)
    assert_same_state(state_of(whole), state_of(resumed))


# How rows are written knows nothing of the model.
@pytest.mark.slow
@pytest.mark.parametrize("learner", [each for each in learners_of("rows") if each[1] == "gpt"], indirect=True)
def test_files(run, command, tmp_path, kept_models):
    made = command("generate", run.path, ASKED, "-n", 20, "-o", tmp_path / "rows.csv")
    assert made.exit_code == 0, made.stderr
    assert "of the model's rows are like that" in made.stderr
    with open(tmp_path / "rows.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 20 and list(rows[0]) == ["age", "sex", "bmi", "children", "smoker", "region", "charges"]
    assert all(row["smoker"] == "yes" and 30 <= int(row["age"]) <= 50 for row in rows)
    facts = json.loads((tmp_path / "rows.csv.json").read_text())
    assert facts["prompt"] == ASKED and facts["run"] == run.name and facts["weights"]
    for ending in (".tsv", ".parquet", ".jsonl", ".xlsx"):
        made = command("generate", run.path, ASKED, "-n", 20, "-o", tmp_path / f"rows{ending}")
        assert made.exit_code == 0, made.stderr
        again = open_data(str(tmp_path / f"rows{ending}"))
        ages = sorted(again.rows.values["age"].tolist())
        assert ages == sorted(float(row["age"]) for row in rows), ending


def test_missing_cells_are_filled_in(run, command, tmp_path):
    given = tmp_path / "given.csv"
    given.write_text("smoker,age,region\nyes,33,\n,51,southwest\nno,,northeast\n")
    made = command("generate", run.path, "--like", given, "-o", tmp_path / "full.csv")
    assert made.exit_code == 0, made.stderr
    with open(tmp_path / "full.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(rows[0]["smoker"], rows[0]["age"]), (rows[1]["age"], rows[1]["region"])] == [
        ("yes", "33"), ("51", "southwest")
    ]
    assert all(all(cell != "" for cell in row.values()) for row in rows)


@pytest.mark.slow
def test_what_a_file_says_stays_in_what_is_filled_in(bills, command, tmp_path):
    given = tmp_path / "given.csv"
    given.write_text("who,net,city,note,tax\n7,100,Rome,\"a, b\",n/k\n9,?,Graz,,15\n8,50.125,,x,NA\n")
    made = command("generate", bills.path, "--like", given, "-o", tmp_path / "full.csv")
    assert made.exit_code == 0, made.stderr
    assert "1 cell of 'city'" in made.stderr and "15 cells of 3 rows filled in" in made.stderr
    with open(tmp_path / "full.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["who", "net", "city", "note", "tax", "country", "ordered", "paid", "total"]
    assert [(row["who"], row["note"]) for row in rows] == [("7", "a, b"), ("9", ""), ("8", "x")]
    assert (rows[0]["city"], rows[0]["tax"], rows[1]["tax"], rows[2]["net"]) == ("Rome", "n/k", "15", "50.125")
    assert float(rows[1]["net"]) > 0 and rows[2]["city"] in ("Graz", "Wien", "Lyon", "Bonn")


def test_no_cell_is_filled_in_as_missing(tmp_path, command):
    with open(tmp_path / "gaps.csv", "w") as file:
        random = np.random.default_rng(0)
        file.write("a,b\n")
        file.writelines(f"{'' if random.random() < 0.8 else random.integers(50)},{random.choice(['x', 'y', ''])}\n"
                        for _ in range(300))  # fmt: skip
    fitted = fit_run("gpt", tmp_path / "run", str(tmp_path / "gaps.csv"), 5)
    (tmp_path / "given.csv").write_text("a,b\n" + ",\n,x\n3,\n" * 10)
    made = command("generate", fitted.path, "--like", tmp_path / "given.csv", "-o", tmp_path / "full.csv")
    assert made.exit_code == 0, made.stderr
    with open(tmp_path / "full.csv", newline="") as file:
        assert all(row["a"] and row["b"] for row in csv.DictReader(file))
    # Nor by a server.
    export = RowExport(fitted, open_codec(fitted), load_model(fitted), SERVER)
    given = {"a": tf.constant([np.nan, np.nan, 3.0] * 10, tf.float64), "b": tf.constant(["", "x", ""] * 10)}
    filled = export.entries["fill"].function(seed=tf.range(30), **given)
    assert not np.isnan(filled["a"].numpy()).any() and all(filled["b"].numpy())
    assert (filled["a"].numpy()[2::3] == 3.0).all() and (filled["b"].numpy()[1::3] == b"x").all()


@pytest.fixture(scope="session")
def bills(tmp_path_factory):
    """A run that has hardly learned a table in which three things hold in every row."""
    return fit_bills(tmp_path_factory.mktemp("bills"), ["city", "country", "ordered", "paid", "net", "tax", "total"])


def fit_bills(folder, columns):
    random = np.random.default_rng(0)
    countries = {"Graz": "Austria", "Wien": "Austria", "Lyon": "France", "Bonn": "Germany"}
    with open(folder / "bills.csv", "w", newline="") as file:
        rows = csv.DictWriter(file, columns, extrasaction="ignore")
        rows.writeheader()
        for _ in range(400):
            city, net = str(random.choice(list(countries))), round(random.lognormal(4, 0.6), 2)
            ordered, paid = np.datetime64("2024-01-01") + np.cumsum(random.integers(0, [300, 40]))
            tax = round(net * random.uniform(0.1, 0.2), 2)
            numbers = {"net": f"{net:.2f}", "tax": f"{tax:.2f}", "total": f"{net + tax:.2f}"}
            rows.writerow({"city": city, "country": countries[city], "ordered": ordered, "paid": paid, **numbers})
    return fit_run("gpt", folder / "run", str(folder / "bills.csv"), 10)


def keeps_to_all(row):
    return (
        float(row["net"]) + float(row["tax"]) == pytest.approx(float(row["total"]), abs=0.001)
        and row["ordered"] <= row["paid"]
        and (row["city"] in ("Graz", "Wien")) == (row["country"] == "Austria")
        and min(float(row["net"]), float(row["tax"])) > 0
    )


@pytest.mark.parametrize("prompt", ["", "total=100..120", "country=Austria, net=50..60, total=60..70"])
def test_constraints_and_conditions_hold_together(bills, prompt):
    import tfgen

    rows = tfgen.load(bills.path).generate(prompt, n=64).to_dict()
    rows = [{name: str(value) for name, value in zip(rows, each)} for each in zip(*rows.values())]
    assert all(map(keeps_to_all, rows))
    if "total" in prompt:
        low, high = map(float, prompt.rsplit("=", 1)[1].split(".."))
        assert all(low <= float(row["total"]) <= high for row in rows)
    if "country" in prompt:
        assert {row["country"] for row in rows} == {"Austria"} and all(50 <= float(row["net"]) <= 60 for row in rows)


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("net=20..40, tax=5..20, total=100..200", "break what holds in every row of the data, 'net \\+ tax = total'"),
        ("net=20..40, total=100..200", "2 rows would have values that the data hasn't"),
    ],
)
def test_conditions_that_break_a_constraint_are_answered_with_it(bills, prompt, says):
    import tfgen

    with pytest.raises(UserError, match=says):
        tfgen.load(bills.path).generate(prompt, n=2)


def test_constraints_hold_in_what_is_filled_in(bills, command, tmp_path):
    given = tmp_path / "given.csv"
    given.write_text("city,net,tax,total\nGraz,100,20,\nLyon,,,150\nBonn,,15,\n")
    made = command("generate", bills.path, "--like", given, "-o", tmp_path / "full.csv")
    assert made.exit_code == 0, made.stderr
    with open(tmp_path / "full.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(map(keeps_to_all, rows))
    assert (rows[0]["total"], rows[1]["total"], rows[2]["tax"]) == ("120.00", "150.00", "15.00")


@pytest.fixture(scope="session")
def served_bills(bills):
    """The signatures of its export."""
    entries = RowExport(bills, open_codec(bills), load_model(bills), SERVER).entries
    return {name: entries[name].traced(SERVER) for name in ("generate", "fill")}


@pytest.mark.slow
def test_constraints_hold_in_exports_as_in_python(bills, served_bills):
    import tfgen

    def served(seeds, prompt):
        made = served_bills["generate"](seed=tf.constant(seeds), prompt=tf.fill([len(seeds)], prompt))
        assert made["holds"].numpy().all()
        return as_texts({name: values for name, values in made.items() if name not in ("share", "holds")})

    prompts = ("", "total=100..120", "country=Austria, net=50..60, total=60..70")
    rows = {prompt: served(range(64), prompt) for prompt in prompts}
    assert [served([9], prompt) for prompt in prompts] == [[own[9]] for own in rows.values()], "alone as among others"
    for prompt, own in rows.items():
        assert all(map(keeps_to_all, own))
        for name, values in tfgen.load(bills.path).generate(prompt, n=64, seed=0).to_dict().items():
            assert [row[name] for row in own] == list(map(str, values)), name


@pytest.mark.slow
def test_constraints_hold_in_what_an_export_fills_in(served_bills):
    words = {"city": ["Graz", "", ""], "country": ["", "Austria", "France"], "ordered": [""] * 3, "paid": [""] * 3}

    def filled(ordered=("", "", ""), paid=("", "", ""), **numbers):
        columns = {name: tf.constant(values) for name, values in words.items()}
        columns |= {name: tf.constant(values, tf.float64) for name, values in numbers.items()}
        columns |= {"ordered": tf.constant(ordered), "paid": tf.constant(paid)}
        made = served_bills["fill"](seed=tf.range(3), **columns)
        return made["holds"].numpy().tolist(), as_texts({name: made[name] for name in made if name != "holds"})

    holds, rows = filled(net=[100, np.nan, np.nan], tax=[20, np.nan, 15], total=[np.nan, 150, np.nan])
    assert all(holds) and all(map(keeps_to_all, rows))
    assert (rows[0]["total"], rows[1]["total"], rows[2]["tax"]) == ("120.0", "150.0", "15.0")
    holds, rows = filled(net=[100, 1, 1], tax=[20, 1, 1], total=[120, 150, 2])
    assert holds == [True, False, True], "what can't be is said"
    assert rows[1]["total"] == "150.0"
    nothing = dict.fromkeys(("net", "tax", "total"), [np.nan] * 3)
    holds, rows = filled(["2024-06-01", "2024-06-01", ""], ["2024-01-15", "", "2024-01-15"], **nothing)
    assert holds == [False, True, True] and all(row["ordered"] <= row["paid"] for row in rows[1:])


def as_texts(columns):
    values = [[each.decode() if isinstance(each, bytes) else str(each) for each in own.numpy()]
              for own in columns.values()]  # fmt: skip
    return [dict(zip(columns, row)) for row in zip(*values)]


def test_orders_hold_in_exports(bills):
    codec = open_codec(bills)
    ordered, paid = ([column.name for column in codec.learned].index(name) for name in ("ordered", "paid"))
    assert codec.distances == {paid: ordered}
    seeds, prompt = tf.range(64), "paid=2024-05-01..2024-05-03"
    made = RowExport(bills, codec, load_model(bills), SERVER).entries["generate"].function(
        seed=seeds, prompt=tf.constant([prompt, ""] * 32)
    )
    first, last = ([each.decode() for each in made[name].numpy()] for name in ("ordered", "paid"))
    assert all(one <= other for one, other in zip(first, last))
    assert set(last[::2]) <= {"2024-05-01", "2024-05-02", "2024-05-03"} and len(set(last[1::2])) > 10
    # The same rows as in Python, and on a phone.
    rows = RowSampler(load_model(bills), codec)(np.arange(64, dtype=np.int32), read_conditions(codec, prompt))
    assert rows.values["paid"][::2].astype("datetime64[D]").astype(str).tolist() == last[::2]
    given = tf.fill([64, len(codec.learned)], -1)
    numbers = RowExport(bills, codec, load_model(bills), PHONE).entries["generate"].function(seed=seeds, given=given)
    days = numbers["numbers"].numpy()[:, [ordered, paid]] + base_of(codec, paid)
    assert [str(np.datetime64(int(day), "D")) for day in days[1::2, 1]] == last[1::2]
    assert (days[:, 0] <= days[:, 1]).all()


def test_what_follows_is_put_right_on_a_phone(bills):
    codec = open_codec(bills)
    given = np.full([64, len(codec.learned)], FREE)
    names = [column.name for column in codec.learned]
    given[::2, names.index("total")] = 10  # a bin, in which it stays
    generate = RowExport(bills, codec, load_model(bills), PHONE).entries["generate"].traced(PHONE)
    made = generate(seed=tf.range(64), given=tf.constant(given, tf.int32))
    tokens, numbers = made["tokens"].numpy(), made["numbers"].numpy().astype(np.float64)
    net, tax, total = (numbers[:, names.index(name)] for name in ("net", "tax", "total"))
    np.testing.assert_allclose(net + tax, total, rtol=1e-5)
    low, high = codec.encodings["total"].knots[10][[0, -1]]
    assert ((low - 0.01 <= total[::2]) & (total[::2] <= high + 0.01)).all() and len(set(total[1::2])) > 20
    city, country = (
        np.array(codec.learned[place].categories)[list(codec.encodings[name].kept)][tokens[:, place]]
        for name in ("city", "country") for place in [names.index(name)]
    )
    assert (np.isin(city, ["Graz", "Wien"]) == (country == "Austria")).all()


@pytest.mark.slow
def test_exports_with_constraints_prove_to_be_the_model(tmp_path):
    """In processes of their own: a SavedModel, and a TFLite file that puts right. One of two dates, which take longest
    to trace: that they keep their order in graphs is seen above."""
    import tfgen

    run = fit_bills(tmp_path, ["city", "country", "ordered", "net", "tax", "total"])
    made = tfgen.load(run.path).export(tmp_path / "out", tflite=["float32"], saved_model=True)
    outputs = {each.output for artefact in made for each in artefact.proof.agreements}
    assert {"holds", "total", "numbers", "tokens"} <= outputs


@pytest.mark.slow
def test_the_worked_example_of_a_table_with_dates_runs_as_it_stands(tmp_path):
    """Without tfgen or TensorFlow: it takes and gives dates and times as text, and a distance beside its beginning."""
    import tfgen

    chance = np.random.default_rng(0)
    day, stay, minute = chance.integers(19800, 20100, 600), chance.integers(0, 9, 600), chance.integers(0, 1440, 600)
    begin = day.astype("datetime64[D]")
    table = {
        "admitted": begin, "left": begin + stay, "seen": begin.astype("datetime64[m]") + minute,
        "clock": [f"{each // 60:02d}:{each % 60:02d}" for each in minute], "ward": [*"ABC"] * 200,
    }  # fmt: skip
    run = tfgen.fit("gpt", table, output=tmp_path / "run", steps=4)
    run.export(tmp_path / "out", tflite=["float32"])
    (script,) = (tmp_path / "out").rglob("example.py")
    code = "import sys, runpy; sys.modules.update(tfgen=None, tensorflow=None); "
    code += f"runpy.run_path({str(script)!r}, run_name='__main__')"

    def ask(*asked):
        return subprocess.run([sys.executable, "-c", code, "7", *asked], capture_output=True, text=True)

    done = ask("admitted=2024-05-01", "left=2024-05-04", "clock=08:30", "ward=B")
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert abs((date.fromisoformat(row["admitted"]) - date(2024, 5, 1)).days) < 20 and row["ward"] == "B"
    assert date.fromisoformat(row["left"]) >= date.fromisoformat(row["admitted"])
    assert time(7) < time.fromisoformat(row["clock"]) < time(10) and datetime.fromisoformat(row["seen"]).year == 2024
    refused = ask("seen=soon")
    assert refused.returncode == 1 and "'soon' is no value of 'seen'. Write it as 2024-03-01T10:30." in refused.stderr


def test_unlikely_rows_are_named_by_their_place_in_the_file(run, command):
    import tfgen

    if not load_model(run).measurements():
        pytest.skip("a GAN can't say how likely a row is")
    rows, examples = tfgen.load(run.path).least_likely(n=3), open_data(run.data_source())
    charges = examples.table.rows.values["charges"]
    assert all(float(row.values["charges"]) == pytest.approx(charges[row.place]) for row in rows)
    told = command("evaluate", run.path, "--rows", "-n", 3)
    assert [line.split()[0] for line in told.stdout.splitlines()[1:]] == [str(row.place + 1) for row in rows]


def test_rows_in_memory_are_taken_where_a_file_is(run):
    """As a notebook has them: a table whose gaps are to be filled, and one whose rows are to be judged."""
    import pyarrow as pa

    import tfgen

    loaded = tfgen.load(run.path)
    half = {"age": [45, 61, None], "smoker": ["yes", None, "no"]}
    for like in (half, pa.table(half)):
        rows = loaded.generate(like=like, seed=3)
        assert [row["age"] for row in rows][:2] == [45, 61] and rows[2]["age"] is not None and len(rows) == 3
        assert [row["smoker"] for row in rows][::2] == [True, False] and {"bmi", "region"} <= set(rows[0])
    if load_model(run).measurements():
        whole = loaded.generate(n=12, seed=5).to_dict()
        assert {row.place for row in loaded.least_likely(whole, n=12)} == set(range(12))
    with pytest.raises(UserError, match="none of the run's columns"):
        loaded.generate(like={"height": [1, 2]})
    with pytest.raises(UserError, match="must be a file until all is carried out"):
        loaded.open_forgetting(rows=half)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["smokr=yes"], "There is no column 'smokr'. Did you mean 'smoker'?"),
        (["smoker=maybe"], "'smoker' is never 'maybe'"),
        (["age=30..50", "-o", "rows.png"], "can't be written as '.png'"),
        (["--temperature", "1"], "makes tables"),
    ],
)
def test_mistakes_are_answered_before_anything_is_loaded(run, command, arguments, sentence):
    made = command("generate", run.path, *arguments)
    assert made.exit_code == 2 and sentence in made.stderr


def test_a_model_of_rows_refuses_what_it_can_not_do(run, command):
    steered = command("steer", run.path)
    assert steered.exit_code == 2 and "Picks don't steer tables" in steered.stderr


def test_python(run):
    import tfgen

    samples = tfgen.load(run.path).generate(ASKED, n=5, seed=3)
    assert len(samples) == 5 and samples[0]["smoker"] in ("yes", True)
    assert samples.to_dict()["age"] == [row["age"] for row in samples]
    assert "<table" in samples._repr_html_()
    assert [row["age"] for row in samples[1:3]] == samples.to_dict()["age"][1:3]


def test_keys_are_their_rows_own(tmp_path):
    import tfgen

    lines = [f"P-{row + 1:04d},{row % 7},{'ab'[row % 2]}\n" for row in range(100)]
    (tmp_path / "keyed.csv").write_text("id,x,y\n" + "".join(lines))
    fitted = tfgen.load(fit_run("gpt", tmp_path / "run", str(tmp_path / "keyed.csv"), 5).path)
    samples = fitted.generate("", n=10, seed=3)
    ids = samples.to_dict()["id"]
    assert ids[0] == "P-0104" and len(set(ids)) == 10 and ids == [row["id"] for row in samples]
    assert samples[4:6].to_dict()["id"] == ids[4:6] and f"id={ids[1]}" in samples.records()[1].content
    assert not set(ids) & set(fitted.generate("", n=10, seed=13).to_dict()["id"])


def test_what_no_row_is_like_is_said(fit_once):
    run = fit_once("gpt", SOURCES["table"].row_steps, modality="table")
    with pytest.raises(UserError, match="No row of the data has age=99"):
        open_generator(run, Request("age=99"))


def test_a_target_that_is_no_column_is_refused_before_the_work(fit_once, command):
    run = fit_once("gpt", SOURCES["table"].row_steps, modality="table")
    refused = command("evaluate", run.path, "--target", "agee")
    assert refused.exit_code == 2 and "Did you mean 'age'" in refused.stderr and "Drawing" not in refused.stderr


def test_the_data_that_a_run_learned_is_not_written_over(fit_once, command, sources):
    run = fit_once("gpt", SOURCES["table"].row_steps, modality="table")
    before = sources("table").read_bytes()
    made = command("generate", run.path, "-n", 2, "-o", sources("table"))
    assert made.exit_code == 2 and "would be replaced" in made.stderr
    assert sources("table").read_bytes() == before
