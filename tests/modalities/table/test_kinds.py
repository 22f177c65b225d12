"""What columns hold, how it is written, and what a person may correct."""

import numpy as np
import pytest

from tests.modalities.table.conftest import by_name
from tfgen.errors import UserError
from tfgen.modalities.table.cells import cells_of
from tfgen.modalities.table.codec import TableCodec
from tfgen.modalities.table.grid import ReadingOptions
from tfgen.modalities.table.kinds import Corrections, rows_of
from tfgen.modalities.table.reading import read_cells
from tfgen.modalities.table.table import open_table, open_table_as
from tfgen.modalities.table.writing import texts_of
from tfgen.representations.rows.columns import Column
from tfgen.representations.rows.conditions import read_conditions

CHANCE = np.random.default_rng(0)


def column_of(texts, name="x", **settings):
    """The column of texts, its values, and the notes."""
    settings = {key: value for key, value in settings.items()}
    rows, notes = rows_of(cells_of({name: texts, "other": list("ab" * len(texts))[: len(texts)]}),
                          Corrections(**settings))  # fmt: skip
    return by_name(rows)[name], rows.values.get(name), notes


def written(texts, name="x", **settings):
    """Texts as they are written again."""
    rows, _ = rows_of(cells_of({name: texts, "other": list("ab" * len(texts))[: len(texts)]}), Corrections(**settings))
    return texts_of(rows)[name].tolist()


@pytest.mark.parametrize(
    "texts, kind, values",
    [
        (["1", "2", "3"], "integer", [1, 2, 3]),
        (["1.0", "2.0", "3.0"], "integer", [1, 2, 3]),
        (["1.5", "2", "-3.25"], "number", [1.5, 2, -3.25]),
        (["1.50", "2.00", "3.25"], "number", [1.5, 2, 3.25]),
        ([".5", "1", "2.5"], "number", [0.5, 1, 2.5]),
        (["1e-3", "2.5e+4", "1E2"], "number", [0.001, 25000, 100]),
        (["1,200", "15,300", "900"], "integer", [1200, 15300, 900]),
        (["$1,200.50", "-$3.00", "$12.25"], "number", [1200.5, -3, 12.25]),
        (["12 %", "7 %", "100 %"], "integer", [12, 7, 100]),
        (["70 kg", "82.5 kg", "65 kg"], "number", [70, 82.5, 65]),
        (["1.200,50 €", "15,25 €", "3,00 €"], "number", [1200.5, 15.25, 3]),
        (["1 200", "15 300", "900"], "integer", [1200, 15300, 900]),
        (["1'200.5", "15'300.5", "900.5"], "number", [1200.5, 15300.5, 900.5]),
        (["2,6", "3,75", "4"], "number", [2.6, 3.75, 4]),
        (["−5", "6", "7"], "integer", [-5, 6, 7]),
        (["+5", "-6", "0"], "integer", [5, -6, 0]),
        (["$5.50", "($6.25)", "$0.75"], "number", [5.5, -6.25, 0.75]),
        (["(1,200)", "15,300", "(7)"], "integer", [-1200, 15300, -7]),
        (["2020-01", "2020-02", "2021-01"], "date", [18262, 18293, 18628]),
        (["Jan 2020", "Feb 2020", "Jan 2021"], "date", [18262, 18293, 18628]),
        (["+49 151 100", "+49 151 205", "+49 151 301"], "category", [0, 1, 2]),
        (["2020-01-01", "2020-03-01", "2020-02-01"], "date", [18262, 18322, 18293]),
        (["31.12.2019", "1.1.2020", "2.1.2020"], "date", [18261, 18262, 18263]),
        (["12/31/2019", "01/01/2020", "01/02/2020"], "date", [18261, 18262, 18263]),
        (["31-Dec-2019", "01-Jan-2020", "02-Jan-2020"], "date", [18261, 18262, 18263]),
        (["December 31, 2019", "January 1, 2020", "January 2, 2020"], "date", [18261, 18262, 18263]),
        (["2020-01-01 10:30:00", "2020-01-02 00:00:01", "2020-01-01 00:00:00"], "datetime",
         [1577874600, 1577923201, 1577836800]),
        (["2020-01-01T10:30:00Z", "2020-01-02T00:00:01Z", "2020-01-01T00:00:00Z"], "datetime",
         [1577874600, 1577923201, 1577836800]),
        (["2020-01-01 00:00:00", "2020-01-02 00:00:00", "2020-01-03 00:00:00"], "date", [18262, 18263, 18264]),
        (["18.00.00", "19.30.00", "00.00.01"], "time", [64800, 70200, 1]),
        (["6:00 PM", "12:30 AM", "11:15 AM"], "time", [64800, 1800, 40500]),
        (["18:00", "19:30", "00:01"], "time", [64800, 70200, 60]),
        (["yes", "no", "yes"], "boolean", [0, 1, 0]),
        (["1", "0", "0"], "boolean", [1, 0, 0]),
        (["True", "False", "True"], "boolean", [0, 1, 0]),
        (["red", "green", "red"], "category", [0, 1, 0]),
        (["00501", "10115", "00501"], "category", [0, 1, 0]),
        (["0123456789012345678", "1123456789012345678", "0123456789012345678"], "category", [0, 1, 0]),
        (["18-29", "30-44", "18-29"], "category", [0, 1, 0]),
    ],
)  # fmt: skip
def test_kinds_and_values_and_the_same_look(texts, kind, values):
    column, found, _ = column_of(texts)
    assert (column.kind, found.tolist()) == (kind, values)
    exponents = kind == "number" and "1e-3" in texts
    minus = [text.replace("−", "-") for text in texts]
    assert exponents or written(texts) == [text.replace(".5", "0.5") if text == ".5" else text for text in minus]


def test_keys():
    texts = [f"TR-{place:04d}" for place in range(30)]
    column, values, _ = column_of(texts, "number")
    assert column.kind == "key" and values is None and written(texts, "number")[:2] == ["TR-0030", "TR-0031"]
    assert column_of([str(place) for place in range(1, 41)])[0].kind == "key", "rows that are counted"
    assert column_of([str(7 * place) for place in range(40)], "patient_id")[0].kind == "key"
    assert column_of([str(7 * place) for place in range(40)], "height")[0].kind == "integer"
    assert column_of([str(place) for place in range(1980, 2020)], "year")[0].kind == "integer"
    uuids = [f"{CHANCE.bytes(4).hex()}-{CHANCE.bytes(2).hex()}" for _ in range(50)]
    made = written(uuids, "uuid")
    assert len(set(made) - set(uuids)) == 50 and all(len(text) == 13 and text[8] == "-" for text in made)


def test_keys_of_people_in_several_rows_are_said():
    column, _, notes = column_of([str(place // 2 * 13) for place in range(40)], "patient_id")
    assert column.kind == "key" and "--set group=patient_id" in notes[0]
    assert column_of([str(place % 5) for place in range(40)], "type_id")[0].kind == "category"


def test_free_text_and_names():
    texts = [" ".join(CHANCE.choice(["the", "dog", "runs", "home", "fast"], 12)) + str(place) for place in range(40)]
    assert column_of(texts)[0].kind == "text"
    assert column_of([f"{''.join(CHANCE.choice(list('abcdef'), 6))} street" for _ in range(60)])[0].kind == "text"


def test_constant_empty_and_boxes_to_tick():
    assert column_of(["a"] * 5)[0].kind == "constant" and written(["a"] * 5) == ["a"] * 5
    column, _, notes = column_of(["", "NA", ""])
    assert column.kind == "constant" and column.categories == ("",) and "no values" in notes[0]
    column, values, _ = column_of(["x", "", "x"])
    assert (column.kind, values.tolist(), column.missing) == ("category", [0, -1, 0], "")


@pytest.mark.parametrize("mark", ["", "NA", "N/A", "nan", "null", "None", "?", "-", "."])
def test_marks_of_what_is_missing(mark):
    column, values, _ = column_of(["1.5", mark, "2.5"])
    assert column.kind == "number" and column.missing == mark and np.isnan(values[1])
    assert written(["red", mark, "blue", "red"]) == ["red", mark, "blue", "red"]


def test_several_marks_are_said():
    column, values, notes = column_of(["red", "NA", "?", "red", "blue", "?"])
    assert column.missing == "?" and values.tolist() == [0, -1, -1, 0, 1, -1] and "all taken as missing" in notes[0]


def test_20240320_is_a_date():
    days = [f"2024{month:02d}{day:02d}" for month in range(1, 13) for day in (1, 13, 28)]
    column, values, _ = column_of(days)
    assert column.kind == "date" and values[0] == 19723 and written(days) == days
    assert column_of(["20240320", "20240321", "20240325"], "visit_date")[0].kind == "date"
    assert column_of(["20240320", "20240321", "20240325"], "amount")[0].kind == "integer"
    assert column_of([str(10_000_000 + 37 * place) for place in range(50)])[0].kind == "integer"


def test_day_and_month_are_told_apart_by_the_whole_column():
    european = ["01/02/2020", "03/04/2020", "25/04/2020"]
    assert column_of(european)[0].writing["format"] == "%d/%m/%Y"
    assert column_of(["01/02/2020", "03/04/2020", "04/25/2020"])[0].writing["format"] == "%m/%d/%Y"
    column, values, notes = column_of(["01/02/2020", "03/04/2020"] * 3)
    assert column.writing["format"] == "%d/%m/%Y" and "--set dates=mdy" in notes[0]
    column, values, notes = column_of(["01/02/2020", "03/04/2020"] * 3, dates="mdy")
    assert column.writing["format"] == "%m/%d/%Y" and not notes
    american = {"a": ["01/02/2020", "03/04/2020", "05/06/2020"], "b": ["12/31/2020", "03/04/2020", "05/06/2020"]}
    rows, notes = rows_of(cells_of(american))
    assert by_name(rows)["a"].writing["format"] == "%m/%d/%Y" and not notes, "as the other column has it"


def test_an_ambiguous_comma_follows_the_table():
    columns = {"a": ["1,234", "5,678", "9,012"], "b": ["1,5", "2,25", "3"]}
    rows, notes = rows_of(cells_of(columns))
    assert rows.values["a"].tolist() == [1.234, 5.678, 9.012] and "decimal comma" in notes[0]
    assert rows_of(cells_of({"a": columns["a"]}))[0].values["a"].tolist() == [1234, 5678, 9012]
    told, _ = rows_of(cells_of({"a": columns["a"]}), Corrections(decimal=","))
    assert told.values["a"].tolist() == [1.234, 5.678, 9.012]


def test_a_point_parts_thousands_before_three_digits_alone(write):
    pay = [f"{value // 1000}.{value % 1000:03d},50" for value in range(1000, 1400, 10)]
    column, values, _ = column_of([*pay, "1234.56", "1.234"])
    assert values[:2].tolist() == [1000.5, 1010.5] and values[-2:].tolist() == [1234.56, 1234]
    indian, values, _ = column_of(["12,34,567.50", "1,00,000.25", "5,000.00", "12.00"] * 5)
    assert values[:4].tolist() == [1234567.5, 100000.25, 5000, 12]
    lines = "".join(f"a;{text}\n" for text in pay)
    learned = open_table(write("a.csv", f"job;pay\n{lines}"))
    other = open_table_as(write("b.csv", "job,pay\na,1234.5\na,2345.75\n"), learned.rows.columns)
    assert other.rows.values["pay"].tolist() == [1234.5, 2345.75]


@pytest.mark.parametrize("mark", ["<5", "inf", "refused"])
def test_one_word_among_numbers_is_a_mark_whatever_it_is(mark):
    texts = [mark if place % 12 == 0 else str(7 * place) for place in range(600)]
    column, values, notes = column_of(texts)
    assert column.kind == "integer" and np.isnan(values).sum() == 50
    assert "holds numbers but for 50 cells taken as missing" in notes[0]


def test_words_among_numbers():
    numbers = [str(value) for value in CHANCE.integers(0, 1000, 200)]
    column, values, notes = column_of([*numbers, "not measured", "lost"])
    assert column.kind == "integer" and np.isnan(values[-2:]).all() and not np.isnan(values[:-2]).any()
    assert "2 cells taken as missing" in notes[0] and "lost" not in notes[0] and "--set column.x=category" in notes[0]
    codes = [*numbers, *(f"V{place}" for place in range(40))]
    assert column_of(codes)[0].kind in ("category", "text"), "codes of which some are numbers"


@pytest.mark.parametrize("sentinel", ["-200", "-999", "9999"])
def test_numbers_that_stand_for_nothing_are_said_and_taken_when_told(sentinel):
    texts = [*(str(value) for value in CHANCE.integers(0, 60, 200)), *[sentinel] * 10]
    column, values, notes = column_of(texts)
    assert column.missing is None and f"--set missing={sentinel}" in notes[0]
    column, values, notes = column_of(texts, missing=(sentinel,))
    assert np.isnan(values[-10:]).all() and not notes and column.missing == sentinel
    assert written(texts, missing=(sentinel,)) == texts


def test_numbers_all_of_which_mean_missing():
    column, values, notes = column_of(["-200", "-200.0", "-200.00"], missing=("-200",))
    assert column.kind == "constant" and values is None and "no values" in notes[-1]


def test_what_a_person_says_wins():
    assert column_of(["1", "2", "3"], kinds={"x": "category"})[0].categories == ("1", "2", "3")
    assert column_of(["00501", "10115", "00007"], kinds={"x": "integer"})[1].tolist() == [501, 10115, 7]
    assert written(["00501", "10115", "00007"], kinds={"x": "integer"}) == ["00501", "10115", "00007"]
    assert column_of(["20240320", "20240321", "x"], kinds={"x": "date"})[0].kind == "date"
    assert column_of(["1.0", "2.0", "3.0"], kinds={"x": "number"})[0].kind == "number"
    assert written(["1.0", "2.0", "3.0"], kinds={"x": "number"}) == ["1.0", "2.0", "3.0"]
    assert column_of(["1", "2", "3"], kinds={"x": "text"})[0].kind == "text"
    with pytest.raises(UserError, match="No column named 'y'"):
        column_of(["1", "2"], kinds={"y": "category"})
    with pytest.raises(UserError, match="'x' can't be read as number: 'a' in row 1"):
        column_of(["a", "b"], kinds={"x": "number"})
    with pytest.raises(UserError, match="can't be read as integer: '1.5' in row 1"):
        column_of(["1.5", "2", "3"], kinds={"x": "integer"})
    with pytest.raises(UserError, match="'x' is not boolean: it has another value, 'c' in row 3"):
        column_of(["a", "b", "c"], kinds={"x": "boolean"})


def test_nothing_to_learn(write):
    with pytest.raises(UserError, match="no column that can be learned: 'x' .constant."):
        open_table(write("a.csv", "x,y\n1,2\n1,2\n"))


def test_numbers_that_sums_of_floats_left_are_what_was_meant():
    column, values, _ = column_of(["0.30000000000000004", "0.1", "0.7999999999999999", "0.5"])
    assert (column.decimals, values.tolist()) == (1, [0.3, 0.1, 0.8, 0.5])


def test_another_table_under_known_columns(write):
    learned = open_table(write("a.csv", "day,city,wage\n31/12/2020,Ulm,\"1,200.50\"\n01/02/2021,Bonn,300.25\n"))
    path = write("b.jsonl", '{"wage": 5.5, "city": "Kiel", "day": "2021-03-01"}\n'
                            '{"city": "Ulm", "day": null, "wage": 1}\n')  # fmt: skip
    table = open_table_as(path, learned.rows.columns)
    assert table.rows.values["city"].tolist() == [-1, list(by_name(learned.rows)["city"].categories).index("Ulm")]
    assert table.rows.values["day"][0] == 18687 and np.isnan(table.rows.values["day"][1])
    assert table.rows.values["wage"].tolist() == [5.5, 1]
    assert table.notes[-1] == "1 cell of 'city' taken as missing: not known there."
    with pytest.raises(UserError, match="No column named 'city'"):
        open_table_as(write("c.csv", "day,wage\n31/12/2020,5\n01/02/2021,6\n"), learned.rows.columns)


def test_another_table_is_taken_by_place_only_if_its_columns_have_no_names(write):
    learned = open_table(write("a.csv", "age,city\n31,Ulm\n40,Bonn\n52,Ulm\n"))
    table = open_table_as(write("b.csv", "40,Ulm\n31,Bonn\n"), learned.rows.columns, settings={"header": "none"})
    assert table.rows.values["age"].tolist() == [40, 31] and any("by their places" in note for note in table.notes)
    with pytest.raises(UserError, match="No column named 'age'"):
        open_table_as(write("c.csv", "height,town\n40,Ulm\n31,Bonn\n"), learned.rows.columns)


def test_what_means_missing_is_remembered_for_other_tables(write):
    text = "age,city,temp\n31,Ulm,-200\n-1,Bonn,20.5\n52,lost,21\n40,Bonn,22\n"
    said = {"missing": ("-200",), "missing_of": {"city": ("lost",), "age": ("-1",)}}
    rows, _ = rows_of(read_cells(write("a.csv", text), ReadingOptions()), Corrections(**said))
    columns = [Column.from_json(column.to_json()) for column in rows.columns]
    other = open_table_as(write("b.csv", "age,city,temp\n-1.0,Ulm,-200.0\n52,lost,NA\n40,Ulm,-3\n"), columns)
    assert np.isnan(other.rows.values["age"]).tolist() == [True, False, False]
    assert (other.rows.values["city"] < 0).tolist() == [False, True, False]
    assert np.isnan(other.rows.values["temp"]).tolist() == [True, True, False] and other.notes == []


@pytest.mark.parametrize("unit, texts", [
    (3600, [f"2024-01-{1 + hour // 24:02d} {hour % 24:02d}:00:00" for hour in range(300)]),
    (60, [f"2024-01-{1 + row % 28:02d}T{row % 24:02d}:{7 * row % 60:02d}:00" for row in range(300)]),
    (1, [f"{row % 24:02d}:{7 * row % 60:02d}:{11 * row % 60:02d}" for row in range(300)]),
    (0.01, [f"{row % 24:02d}:{7 * row % 60:02d}:{11 * row % 60:02d}.{13 * row % 100:02d}" for row in range(300)]),
])  # fmt: skip
def test_times_come_out_as_finely_as_they_are(unit, texts):
    rows, _ = rows_of(cells_of({"x": texts, "other": ["a", "b"] * 150}))
    codec = TableCodec.of(rows, len(rows))
    chance = np.random.default_rng(0)
    tokens = codec.encode(rows).astype(int)
    for restored in (codec, TableCodec.from_json(codec.to_json())):
        made = restored.decode(tokens, chance.random(tokens.shape)).values["x"]
        ticks = made / unit
        assert np.allclose(ticks, np.round(ticks), atol=1e-3) and len(np.unique(made)) > 100
        assert rows.values["x"].min() <= made.min() and made.max() <= rows.values["x"].max()
        if unit < 1:
            assert np.any(made % 1 > 0)


def test_a_comma_within_a_value_that_is_asked_for(write):
    table = open_table(write("a.csv", "wage;city\n" + "".join(f"{row},5;{'ab'[row % 2]}\n" for row in range(200))))
    codec = TableCodec.of(table.rows, 200)
    with pytest.raises(UserError, match=r'in quotes it is part of a value: wage="12,5\.\.20,5"'):
        read_conditions(codec, "city=a, wage=12,5..20,5")
    assert read_conditions(codec, 'wage="12,5..20,5"').ranges["wage"] == [(12.5, 20.5)]
    with pytest.raises(UserError, match='such as: wage="'):
        read_conditions(codec, "wages")
