"""Every fault that a file may have, in files of a few rows."""

import gzip
import json
import zipfile

import numpy as np
import pytest

from tfgen.errors import UserError
from tfgen.modalities.table.cells import as_parquet, cells_of
from tfgen.modalities.table.correction import settings_of
from tfgen.modalities.table.reading import read_cells
from tfgen.modalities.table.table import open_table

PLAIN = "age,city,wage\n30,Ulm,10.5\n40,Bonn,11.5\n50,Ulm,12.5\n"


def read(path, **settings):
    return read_cells(path, settings_of(settings).options)


def texts(cells):
    return {name: column.cast("string").to_pylist() for name, column in zip(cells.names, cells.columns)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "mac-roman"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(write, encoding, end):
    content = "Größe,Ort,Straße\n1,Köln,Bärenweg\n2,Düsseldorf,Lärchenstraße\n3,Köln,Höhenstraße\n" * 20
    cells = read(write("a.csv", content.replace("\n", end), encoding))
    assert cells.names == ["Größe", "Ort", "Straße"] and texts(cells)["Ort"][:2] == ["Köln", "Düsseldorf"]


@pytest.mark.parametrize("is_struct", [True, False])
def test_a_column_of_pictures_bytes_is_refused_by_its_name(tmp_path, is_struct):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    pictures = [b"\x89PNG\r\n\xff", b"\xff\xd8\xff"]
    cells = [{"bytes": each, "path": "a.png"} for each in pictures] if is_struct else pictures
    parquet.write_table(pa.table({"picture": cells, "label": [0, 1]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="The column 'picture' of .* holds pictures or other files"):
        read(tmp_path / "a.parquet")
    parquet.write_table(pa.table({"word": [b"yes", b"no"]}), tmp_path / "a.parquet")
    assert texts(read(tmp_path / "a.parquet")) == {"word": ["yes", "no"]}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "\x01"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt", "a.data", "a.csv.gz"])
def test_delimiters(write, delimiter, name):
    content = PLAIN.replace(",", delimiter).encode()
    cells = read(write(name, gzip.compress(content) if name.endswith(".gz") else content))
    assert cells.names == ["age", "city", "wage"] and texts(cells)["city"] == ["Ulm", "Bonn", "Ulm"]
    assert list(cells.lines) == [2, 3, 4]


def test_commas_of_sentences_are_not_between_cells(write):
    cells = read(write("a.csv", "id;text\n" + "".join(f"{place};One, two, three, {place}\n" for place in range(9))))
    assert cells.names == ["id", "text"] and texts(cells)["text"][0] == "One, two, three, 0"


def test_spaces_between_cells(write):
    cells = read(write("a.data", "1.0   2.5  x\n2.0   3.5  y\n3.0   4.0  x\n"))
    assert texts(cells)["column_3"] == ["x", "y", "x"]


def test_excels_own_dialect(write):
    cells = read(write("a.csv", 'sep=;\r\n"name, first";note\r\n"a;b";"said ""no"""\r\nc;"two\r\nlines"\r\nd;e\r\n'))
    assert cells.names == ["name, first", "note"]
    assert texts(cells) == {"name, first": ["a;b", "c", "d"], "note": ['said "no"', "two\r\nlines", "e"]}
    assert list(cells.lines) == [3, 4, 6]


def test_titles_empty_rows_and_notes(write):
    content = "My study,,\n,,\nid,age,city\n1,30,Ulm\n2,40,Bonn\n3,50,Ulm\n4,60,Ulm\n,,\n,Data of 2020,\n,,\n"
    cells = read(write("a.csv", content))
    assert cells.names == ["id", "age", "city"] and texts(cells)["age"] == ["30", "40", "50", "60"]
    assert any("Lines 1 to 2 stand above" in note and "My study" in note for note in cells.notes)
    assert any("below the table" in note and "line 9" in note for note in cells.notes)


def test_headers_that_are_said(write):
    path = write("a.csv", "x,y\n1,2\nyear,place\n2001,4\n2002,5\n")
    assert read(path, header=3).names == ["year", "place"]
    assert read(path, skip=2).names == ["year", "place"]
    assert len(read(path, header="none")) == 5
    with pytest.raises(UserError, match="has no line 90"):
        read(path, header=90)


def test_years_may_be_names(write):
    cells = read(write("a.csv", "country,2001,2002,2003\nA,1,2,3\nB,4,5,6\n"))
    assert cells.names == ["country", "2001", "2002", "2003"]


def test_names_of_rows_as_r_writes_them(write):
    cells = read(write("a.csv", 'age,wage\n"1",30,4\n"2",40,5\n"3",50,6\n'))
    assert cells.names == ["column_1", "age", "wage"] and texts(cells)["age"] == ["30", "40", "50"]


def test_names_that_are_alike_or_none(write):
    cells = read(write("a.csv", "a,a,,a\n1,2,3,4\n5,6,7,8\n"))
    assert cells.names == ["a", "a (2)", "column_3", "a (3)"]
    assert sum("Two columns are called 'a'" in note for note in cells.notes) == 2


def test_a_header_that_comes_again(write):
    cells = read(write("a.csv", PLAIN + "age,city,wage\n60,Ulm,1.0\n"))
    assert texts(cells)["age"] == ["30", "40", "50", "60"] and list(cells.lines) == [2, 3, 4, 6]


def test_few_ragged_rows_are_left_out_and_many_are_an_error(write):
    rows = [f"{place},{place % 7}" for place in range(400)]
    cells = read(write("few.csv", "\n".join(["a,b", *rows[:100], "1,2,3", *rows[100:], ""])))
    assert len(cells) == 400 and cells.broken == [("line 102", "has 3 cells instead of 2")]
    with pytest.raises(UserError, match=r"20 rows of 420 .* line 102: it has 3 cells instead of 2.*delimiter"):
        read(write("many.csv", "\n".join(["a,b", *rows[:100], *["1,2,3"] * 20, *rows[100:], ""])))


def test_a_quotation_mark_that_is_never_closed(write):
    with pytest.raises(UserError, match="opens in line 2 .* is not closed"):
        read(write("a.csv", 'a\n"word\n' + "other words\n" * 2000))


@pytest.mark.parametrize(
    "name, content, says",
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\n  \n", "nothing but space"),
        ("a.csv", b"a,b\n", "a header but no rows"),
        ("a.csv", b"\x00\x01\x02" * 200, "binary"),
        ("a.parquet", b"no parquet", "is no Parquet"),
        ("a.xlsx", b"no workbook", "is no Excel"),
        ("a.arff", b"@relation x\n1,2\n", "no @attribute"),
        ("a.jsonl", b"[1]\n[2]\n", "is no table"),
        ("a.json", b"[{", "is no JSON"),
        ("a.xls", b"x", "old kind"),
        ("a.csv.gz", b"not gzip", "can't be read"),
    ],
)
def test_what_is_no_table_is_said(write, name, content, says):
    if name.endswith(".xlsx"):
        pytest.importorskip("openpyxl")
    with pytest.raises(UserError, match=says):
        read(write(name, content))


def test_one_row_and_one_column(write):
    assert len(read(write("row.csv", "age,city\n30,Ulm\n"))) == 1
    cells = read(write("column.csv", "age\n30\n40\n50\n"))
    assert cells.names == ["age"] and texts(cells)["age"] == ["30", "40", "50"]


def test_rows_of_json(write):
    lines = '{"a": 1, "b": "x", "c": true}\n\n{"a": 2.5, "c": null}\n'
    for cells in (read(write("a.jsonl", lines)),
                  read(write("a.json", json.dumps([json.loads(line) for line in lines.split("\n") if line])))):
        assert texts(cells) == {"a": ["1", "2.5"], "b": ["x", None], "c": ["true", None]}
        assert cells.typed == {"a", "c"}


def test_json_of_other_layouts(write):
    assert len(read(write("a.json", '{"made": "today", "data": [{"a": 1}, {"a": 2}]}'))) == 2
    assert len(read(write("b.json", '{"a": 1}\n{"a": 2}\n{"a": 3}\n'))) == 3
    assert texts(read(write("c.jsonl", '{"a": [1, 2]}\n{"a": []}\n')))["a"] == ["[1, 2]", "[]"]


def test_broken_lines_of_json_are_named(write):
    with pytest.raises(UserError, match="line 2 is no JSON object"):
        read(write("a.jsonl", '{"a": 1}\n{"a": \n{"a": 3}\n'))


def test_arff(write):
    content = (
        "% said of it\n@RELATION x\n@attribute 'my age' numeric\n@ATTRIBUTE class {yes, 'no, never'}\n\n@DATA\n"
        "% more\n30,yes\n?,'no, never'\n50,yes\n"
    )
    cells = read(write("a.arff", content))
    assert texts(cells) == {"my age": ["30", "?", "50"], "class": ["yes", "no, never", "yes"]}
    assert list(cells.lines) == [8, 9, 10]


def test_sheets(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "read me"
    sheet = book.create_sheet("data")
    for row in (["A", None, "B", None], ["x", "y", "x", "y"], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]):
        sheet.append(row)
    sheet.merge_cells("A1:B1")
    sheet.merge_cells("C1:D1")
    other = book.create_sheet("other")
    for row in (["z", "w"], [1, "a"], [2, "b"]):
        other.append(row)
    book.save(tmp_path / "a.xlsx")
    cells = read(tmp_path / "a.xlsx")
    assert cells.names == ["A: x", "A: y", "B: x", "B: y"] and len(cells) == 3
    assert "sheet=other" in cells.notes[0]
    assert read(tmp_path / "a.xlsx", sheet="other").names == ["z", "w"]
    with pytest.raises(UserError, match="No sheet named 'othr'. Did you mean 'other'"):
        read(tmp_path / "a.xlsx", sheet="othr")


def test_folders_and_archives(write, tmp_path):
    write("one/a.csv", PLAIN)
    write("one/README.md", "what it is")
    assert read(tmp_path / "one").notes[0] == "The table is a.csv."
    write("two/a.csv", PLAIN)
    write("two/b.csv", PLAIN.replace("Bonn", "Kiel"))
    assert texts(read(tmp_path / "two"))["city"] == ["Ulm", "Bonn", "Ulm", "Ulm", "Kiel", "Ulm"]
    write("three/a.csv", PLAIN)
    write("three/b.csv", "other\n1\n2\n")
    with pytest.raises(UserError, match="2 tables, which differ in their columns: a.csv, b.csv"):
        read(tmp_path / "three")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inside/a.csv", PLAIN)
    assert len(read(tmp_path / "a.zip")) == 3
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="no table in"):
        read(tmp_path / "none")


def test_tables_in_memory():
    pa = pytest.importorskip("pyarrow")
    columns = {"a": [1, 2, None], "b": ["x", "y", "x"], "c": np.array([0.5, np.nan, 2]), "d": [True, False, True],
               "e": np.array(["2020-01-01", "2020-01-02", "NaT"], "datetime64[D]")}  # fmt: skip
    expected = {"a": ["1", "2", None], "b": ["x", "y", "x"], "c": ["0.5", None, "2"], "d": ["true", "false", "true"],
                "e": ["2020-01-01", "2020-01-02", None]}  # fmt: skip
    assert texts(cells_of(columns)) == expected
    table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    assert texts(cells_of(table)) == expected
    fields = np.array([(1, "x"), (2, "y")], [("a", "i4"), ("b", "U1")])
    assert texts(cells_of(fields)) == {"a": ["1", "2"], "b": ["x", "y"]}
    with pytest.raises(UserError, match="'a' has 2 values and 'b' 1"):
        cells_of({"a": [1, 2], "b": [1]})
    with pytest.raises(UserError, match="is no table"):
        cells_of(3)


def test_the_most_rows(write):
    table = open_table(write("a.csv", PLAIN), {"rows": 2})
    assert len(table) == 2 and len(open_table({"a": [1, 2, 3], "b": list("xyx")}, {"rows": 2})) == 2


def test_what_was_in_memory_is_kept_as_a_file(write):
    data = {"a": [1, 2, None], "b": ["x", "y", "x"], "day": np.array(["2020-01-01", "2020-01-02", "NaT"], "M8[D]")}
    kept = open_table(write("a.parquet", as_parquet(data)))
    assert kept.fingerprint == open_table(data).fingerprint


def test_a_table_that_looks_like_that_of_pandas():
    class Series:
        def __init__(self, values):
            self._values = np.array(values, object)

        def __len__(self):
            return len(self._values)

        def to_numpy(self):
            return self._values

    class Frame(dict):
        columns = property(lambda self: list(self))

        def to_dict(self):
            return dict(self)

    frame = Frame(a=Series([1, 2.5, float("nan")]), b=Series(["x", None, 3]))
    assert texts(cells_of(frame)) == {"a": ["1", "2.5", None], "b": ["x", None, "3"]}


def test_a_delimiter_at_the_end_of_each_row_moves_no_names(write):
    content = "job,age,pay\n" + "".join(f"cook,{20 + row % 40},{1000 + row},\n" for row in range(60))
    table = open_table(write("a.csv", content))
    assert [column.name for column in table.rows.columns][:3] == ["job", "age", "pay"]
    assert table.rows.values["age"][:2].tolist() == [20, 21]


BODY = [f"{20 + row % 40},{'Ulm' if row % 3 else 'Bonn'},{row / 2}" for row in range(100)]


@pytest.mark.parametrize(
    "above",
    [
        ["# made by a laboratory"],
        ["# made, with commas, by a laboratory", "#"],
        ["# one, two, three", "// four, five, six"],
        ["Report:,Wages", "Date:,2024-05-01", ""],
        ["Station:,Ulm,", "Sensor:,A7,"],
        ["Wages of 2024, by city", "", ",,"],
        ["Wages", ",,version 2", "", "2024-05-01,,"],
    ],
)
def test_what_stands_above_the_header_is_left_out_and_said(write, above):
    cells = read(write("a.csv", "\n".join([*above, "age,city,wage", *BODY, ""])))
    assert cells.names == ["age", "city", "wage"] and len(cells) == 100
    assert any("above the table" in note for note in cells.notes)


@pytest.mark.parametrize(
    "header, names",
    [
        ("#age,city,wage", ["age", "city", "wage"]),
        ("# age,city,wage", ["age", "city", "wage"]),
        ("# of rooms,city,wage", ["# of rooms", "city", "wage"]),
        ("#,city,wage", ["#", "city", "wage"]),
        ("% owned,city,wage", ["% owned", "city", "wage"]),
    ],
)
@pytest.mark.parametrize("above", [[], ["# made by a laboratory"]])
def test_a_header_may_begin_like_a_comment(write, above, header, names):
    cells = read(write("a.csv", "\n".join([*above, header, *BODY, ""])))
    assert cells.names == names and len(cells) == 100


def test_comments_among_rows_and_cells_that_look_so(write):
    rows = [*BODY[:50], "# a pause, then, more", *BODY[50:]]
    cells = read(write("a.csv", "\n".join(["# made here", "age,city,wage", *rows, ""])))
    assert len(cells) == 100 and "1 comment among the rows left out." in cells.notes
    colours = [f"#{row % 7}f0000,{row}" for row in range(60)]
    for head in (["# made here", "colour,count"], ["colour,count"], []):
        cells = read(write("b.csv", "\n".join([*head, *colours, ""])))
        assert len(cells) == 60 and texts(cells)[cells.names[0]][0] == "#0f0000"


def test_a_header_of_two_rows_below_a_title(write):
    cells = read(write("a.csv", "\n".join(["Wages", "", ",place,place", "age,city,wage", *BODY, ""])))
    assert cells.names == ["age", "place: city", "place: wage"] and len(cells) == 100


def workbook(path, sheets):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


SHEET = [["age", "city"], *([20 + row % 40, "Ulm" if row % 3 else "Bonn"] for row in range(60))]


@pytest.mark.parametrize(
    "first, rows",
    [
        ("Read me", [["This book holds wages."], ["Ask Ann."], [], ["age", "in years"]]),
        ("Tabelle1", [["This book holds wages."], ["Ask Ann."]]),
        ("Codebook", [["name", "meaning", "unit"], ["age", "of a person", "years"], ["city", "of living", "-"]]),
        ("Summary", [["people", 60], ["mean age", 38.5], ["cities", 2]]),
    ],
)
def test_a_sheet_about_others_is_not_the_table(tmp_path, first, rows):
    cells = read(workbook(tmp_path / "a.xlsx", {first: rows, "Wages": SHEET}))
    assert cells.names == ["age", "city"] and len(cells) == 60
    assert f"The sheet 'Wages' is read. There are others: '{first}'" in cells.notes[0]


def test_the_first_of_several_tables_or_the_only_sheet_is_read_whatever_its_name(tmp_path):
    cells = read(workbook(tmp_path / "a.xlsx", {"One": SHEET[:10], "Two": SHEET}))
    assert len(cells) == 9
    assert len(read(workbook(tmp_path / "b.xlsx", {"Summary": SHEET}))) == 60


@pytest.mark.parametrize("sign", ["~", "^", ":", "#", "&"])
def test_a_sign_that_parts_no_table_unasked_is_named(write, sign):
    path = write("a.csv", "\n".join(row.replace(",", sign) for row in ["age,city,wage", *BODY]))
    with pytest.raises(UserError, match=r"seem to stand between '.', as many in each line.*delimiter="):
        read(path)
    assert read(path, delimiter=sign).names == ["age", "city", "wage"]
    assert len(read(path, delimiter="comma").names) == 1
    assert read(write("b.csv", "mail\n" + "".join(f"a{row}@b.de\n" for row in range(20)))).names == ["mail"]
