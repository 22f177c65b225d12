"""Rows become files and come back the same, whatever they hold; formulas don't run."""

import csv
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tfgen.errors import UserError
from tfgen.modalities.table.kinds import Corrections, rows_of
from tfgen.modalities.table.reading import read_cells
from tfgen.modalities.table.table import open_table, open_table_as
from tfgen.modalities.table.writing import (
    ENDINGS, as_html_table, as_lines, escaped, keys, read_metadata, texts_of, write_rows,
)  # fmt: skip
from tfgen.representations.rows.columns import Column, Rows

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Zs", "Cn")), min_size=1, max_size=8).map(
    lambda text: f"{text[:3]} {text[3:]}".strip()
) | st.sampled_from(["=1+1", "'=x", "-5", "@home", "+a", "NA", "?", "a,b", 'say "so"', "two\nlines", "007", "1.0", "'"])
NAME = st.from_regex(r"[A-Za-zé=@+][A-Za-z0-9 _.,;\"<>-]{0,12}[A-Za-z]", fullmatch=True)
NAMES = st.lists(NAME.map(lambda name: " ".join(name.split())), min_size=2, max_size=5, unique_by=str.casefold)


@st.composite
def numbers(draw, name, count):
    decimals = draw(st.integers(0, 4))
    writing = draw(st.sampled_from([{}, {"decimal": ",", "thousands": "."}, {"thousands": ","}, {"after": " kg"},
                                    {"before": "$", "thousands": ","}, {"after": "%", "decimal": ","}, {"plus": True},
                                    {"brackets": True, "before": "$"}]))  # fmt: skip
    if decimals and draw(st.booleans()):
        writing = {**writing, "fixed": True}
    whole = draw(st.lists(st.integers(-(10**9), 10**9), min_size=count, max_size=count))
    values = np.round(np.array(whole, np.float64) / 10**decimals, decimals)
    kind = "number" if decimals else "integer"
    return with_missing(draw, Column(name, kind, (), decimals, writing), values, math.nan)


@st.composite
def moments(draw, name, count):
    kind, form, low, high, step = draw(st.sampled_from([
        ("date", "%d/%m/%Y", -60_000, 60_000, 1), ("date", "%m/%d/%Y", 0, 20_000, 1), ("date", "%Y%m%d", 0, 20_000, 1),
        ("date", "%d %b %Y", 0, 20_000, 1), ("datetime", "%Y-%m-%d %H:%M:%S", -(10**9), 2 * 10**9, 1),
        ("datetime", "%d.%m.%Y %H:%M", 0, 10**7, 60), ("time", "%H:%M:%S", 0, 86399, 1),
        ("time", "%I:%M %p", 0, 1439, 60),
    ]))  # fmt: skip
    writing = {"format": form}
    if "/" in form and draw(st.booleans()):
        writing["padded"] = False
    whole = draw(st.lists(st.integers(low, high), min_size=count, max_size=count))
    return with_missing(draw, Column(name, kind, writing=writing), np.array(whole, np.float64) * step, math.nan)


@st.composite
def categories(draw, name, count):
    words = draw(st.lists(WORDS, min_size=1, max_size=5, unique=True) | st.sampled_from([["yes", "no"], ["0", "1"]]))
    kind = "boolean" if words in (["yes", "no"], ["0", "1"]) else "category"
    codes = draw(st.lists(st.integers(0, len(words) - 1), min_size=count, max_size=count))
    return with_missing(draw, Column(name, kind, tuple(words)), np.array(codes, np.int32), -1)


def with_missing(draw, column, values, nothing):
    gone = draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    if any(gone):
        values = values.copy()
        values[gone] = nothing
        mark = draw(st.sampled_from(["", "<none>", "-999999999999"]))
        column = Column(column.name, column.kind, column.categories, column.decimals, column.writing, mark)
    return column, values


@st.composite
def tables(draw):
    count = draw(st.integers(2, 6))
    made = [draw(draw(st.sampled_from([numbers, moments, categories]))(name, count)) for name in draw(NAMES)]
    learned = {column.name: values for column, values in made}
    columns = [column for column, _ in made]
    extra = [Column("a constant", "constant", ("=same",)), Column("a key", "key", writing={"prefix": "K", "after": 7})]
    return Rows((*columns, *extra), learned)


@pytest.mark.parametrize("ending", ENDINGS)
def test_written_and_read_again(ending, tmp_path):
    if ending == ".xlsx":
        pytest.importorskip("openpyxl")

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(tables())
    def check(rows):
        path = tmp_path / f"rows{ending}"
        write_rows(path, rows, {"model": "gpt"})
        again = open_table_as(path, rows.columns, settings={"header": 1}).rows
        assert again.columns == rows.columns
        for column, values in rows:
            np.testing.assert_array_equal(again.values[column.name], values, column.name)
        assert read_metadata(path) == {"model": "gpt"}
        assert texts_of(rows).keys() == {column.name for column in rows.columns}

    check()


@pytest.mark.slow
@settings(max_examples=60)
@given(st.data())
def test_what_was_found_in_a_file_is_found_in_its_copy(data):
    """Kinds too, as far as the same texts say the same."""
    import tempfile
    from pathlib import Path

    count = data.draw(st.integers(12, 30))
    columns = {
        "a": data.draw(st.lists(st.integers(-500, 500).map(str), min_size=count, max_size=count)),
        "b": data.draw(st.lists(st.decimals(-99, 99, places=2).map(str), min_size=count, max_size=count)),
        "c": data.draw(st.lists(st.sampled_from(["red", "=blue", "", "gr een"]), min_size=count, max_size=count)),
        "d": data.draw(st.lists(st.dates().map(str), min_size=count, max_size=count)),
        "e": data.draw(st.lists(st.sampled_from(["yes", "no", "?"]), min_size=count, max_size=count)),
        "f": [f"x{place % 3}" for place in range(count)],
    }
    with tempfile.TemporaryDirectory() as folder:
        with open(Path(folder, "a.csv"), "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values()))
        first = open_table(Path(folder, "a.csv")).rows
        write_rows(Path(folder, "b.csv"), first, {})
        again = open_table(Path(folder, "b.csv")).rows
    assert again.columns == first.columns
    for column, values in first:
        np.testing.assert_array_equal(again.values[column.name], values)


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "=cmd|' /C calc'!A0", "'=x"])
def test_formulas_are_escaped(text):
    assert escaped(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "+5", "-1,200.50", "-1e5", "-3 %", "-", "--", "a=b", "'quoted'", ""])
def test_numbers_and_plain_texts_are_not(text):
    assert escaped(text) == text


def test_formulas_in_files(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    rows = Rows((Column("=name", "category", ("=1+1", "b")), Column("x", "integer")),
                {"=name": np.array([0, 1, 0], np.int32), "x": np.array([-5.0, 2, 3])})  # fmt: skip
    write_rows(tmp_path / "a.csv", rows, {})
    assert (tmp_path / "a.csv").read_text() == "'=name,x\n'=1+1,-5\nb,2\n'=1+1,3\n"
    write_rows(tmp_path / "a.xlsx", rows, {})
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").active
    assert [cell.data_type for cell in sheet[2]] == ["s", "n"] and sheet["A2"].value == "'=1+1"
    for name in ("a.csv", "a.xlsx"):
        assert read_cells(tmp_path / name).names == ["=name", "x"]
        assert open_table(tmp_path / name).rows.columns[0].categories == ("=1+1", "b")


def test_files_with_types_have_true_types(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    rows, _ = rows_of(open_cells(tmp_path, "n,i,b,d,t,c,k\n1.5,1,yes,31/12/2020,10:30,x,1\n,2,no,01/01/2021,11:00,,2\n"
                                           "2.5,3,yes,02/01/2021,12:00,y,3\n"), Corrections({"k": "key"}))  # fmt: skip
    write_rows(tmp_path / "a.parquet", rows, {})
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.schema.types == [pa.float64(), pa.int64(), pa.bool_(), pa.date32(), pa.time64("us"), pa.string(),
                                  pa.int64()]  # fmt: skip
    assert table["n"].to_pylist() == [1.5, None, 2.5] and table["c"].to_pylist() == ["x", None, "y"]
    assert table["k"].to_pylist() == [4, 5, 6]
    write_rows(tmp_path / "a.jsonl", rows, {})
    first = (tmp_path / "a.jsonl").read_text().split("\n")[0]
    assert first == '{"n": 1.5, "i": 1, "b": true, "d": "2020-12-31", "t": "10:30:00", "c": "x", "k": 4}'


def open_cells(folder, content):
    path = folder / "made.csv"
    path.write_text(content)
    return read_cells(path)


@pytest.mark.parametrize(
    "writing",
    [
        {"prefix": "TR-", "after": 99, "width": 4},
        {"prefix": "", "after": 5},
        {"shape": "********-****", "letters": "0123456789abcdef"},
        {"shape": "**", "letters": "ab"},
        {"shape": "****", "letters": "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
    ],
)
def test_keys_are_unlike_each_other_whatever_the_chunk(writing):
    column = Column("k", "key", writing=writing)
    made = keys(column, 0, 3000, first=3)
    assert len(set(made)) == 3000 and made == keys(column, 0, 1000, 3) + keys(column, 1000, 3000, 3)
    assert keys(column, 0, 1, 1003) == made[1000:1001], "a key is its seed's"
    assert not set(keys(column, 0, 500, first=10_000)) & set(made)


def test_an_unknown_ending_and_what_excel_has_no_room_for(tmp_path, monkeypatch):
    rows = Rows((Column("x", "integer"),), {"x": np.arange(3.0)})
    with pytest.raises(UserError, match="No ending of tables named '.parqet'. Did you mean '.parquet'"):
        write_rows(tmp_path / "a.parqet", rows, {})
    pytest.importorskip("openpyxl")
    monkeypatch.setattr("tfgen.modalities.table.writing._MOST_EXCEL", 2)
    with pytest.raises(UserError, match="no room for 3 rows"):
        write_rows(tmp_path / "a.xlsx", rows, {})


def test_one_column_with_empty_cells(tmp_path):
    rows = Rows((Column("x", "number", decimals=1, missing=""),), {"x": np.array([1.5, np.nan, 2.5])})
    write_rows(tmp_path / "a.csv", rows, {})
    assert (tmp_path / "a.csv").read_text() == 'x\n1.5\n""\n2.5\n'


def test_for_a_person():
    rows = Rows((Column("name", "category", ("a <b>", "日本")), Column("x", "number", decimals=1)),
                {"name": np.array([0, 1, 0], np.int32), "x": np.array([1.5, -20.0, np.nan])})  # fmt: skip
    assert as_lines(rows, 2) == ["name     x", "a <b>  1.5", "日本   -20", "... 1 more row"]
    assert as_lines(rows, 3, width=8)[-1] == "... 1 more column"
    page = as_html_table(rows)
    assert "a &lt;b&gt;" in page and '<td style="text-align: right">-20</td>' in page and page.count("<tr>") == 4
