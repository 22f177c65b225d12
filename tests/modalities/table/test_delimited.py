"""Quotation marks that aren't closed, and those behind a backslash."""

import pytest

from tests.modalities.table.test_reading import read, texts

ROWS = [f"{20 + row % 50},Ulm,{row}.5" for row in range(300)]


def lines(*rows):
    return "\n".join(rows) + "\n"


def with_line(place, line, rows=ROWS, head="age,city,wage"):
    return lines(head, *rows[:place], line, *rows[place + 1 :])


@pytest.mark.parametrize("line", ['33,"Bonn,7.5', '"33,Bonn,7.5', '33,Bonn,"7.5'])
@pytest.mark.parametrize("place", [0, 1, 150, 299])
def test_a_quotation_mark_that_is_not_closed_swallows_no_row(write, place, line):
    cells = read(write("a.csv", with_line(place, line)))
    assert len(cells) == 300 and not cells.broken
    assert [texts(cells)[name][place] for name in cells.names] == ["33", "Bonn", "7.5"]
    assert any(f"A quotation mark that opens in line {place + 2} isn't closed" in note for note in cells.notes)


def test_among_quoted_cells_too(write):
    quoted = [f'"{20 + row}","Ulm, Donau","{row}.5"' for row in range(60)]
    cells = read(write("a.csv", with_line(20, '"33","Bonn,"7.5"', quoted)))
    assert len(cells) + len(cells.broken) == 60 and len(cells) >= 59
    cells = read(write("a.csv", with_line(20, '"33","Bonn, Rhein","7.5', quoted)))
    assert len(cells) == 60 and texts(cells)["wage"][20] == "7.5" and texts(cells)["city"][20] == "Bonn, Rhein"


def test_one_that_can_not_be_left_out_costs_its_own_line_alone(write):
    cells = read(write("a.csv", with_line(150, '33,"Bonn, Rhein,7.5')))
    assert len(cells) == 299 and cells.broken == [("line 152", "has 2 cells instead of 3")]
    assert any("line 152 isn't closed" in note for note in cells.notes)


def test_many_are_counted(write):
    rows = [*ROWS]
    rows[3], rows[7] = '33,"Bonn,7.5', '34,"Bonn,8.5'
    cells = read(write("a.csv", lines("age;city;wage", *rows).replace(",", ";")))
    assert texts(cells)["city"].count("Bonn") == 2
    assert any("2 quotation marks aren't closed, and are left out: in lines 5, 9" in note for note in cells.notes)


def test_cells_of_several_lines_stay_one(write):
    address = '"Long Street 5,\nUlm, Germany"'  # each of its lines would be a row by itself
    remark = '"one\ntwo ""quoted""\n\nthree, four\nfive"'
    cells = read(write("a.csv", with_line(5, f"33,{address},7.5", [*ROWS[:8], f"34,{remark},8.5", *ROWS])))
    assert texts(cells)["city"][5] == "Long Street 5,\nUlm, Germany"
    assert texts(cells)["city"][8] == 'one\ntwo "quoted"\n\nthree, four\nfive'
    assert not any("quotation" in note for note in cells.notes)


@pytest.mark.parametrize(
    "written, meant",
    [
        (r'"say \"hi\", then go"', 'say "hi", then go'),
        (r'"\"hi\""', '"hi"'),
        (r'"{\"a\": [1, 2], \"path\": \"c:\\x\"}"', r'{"a": [1, 2], "path": "c:\x"}'),
        (r"Ulm\, Donau", "Ulm, Donau"),
        (r'"first\nsecond \"x\""', r'first\nsecond "x"'),
        ('"two\nlines, \\"x\\""', 'two\nlines, "x"'),
        (r'"C:\data\"', "C:\\data\\"),  # no escape
        (r'"a \N b"', r"a \N b"),
    ],
)
@pytest.mark.parametrize("place", [0, 150])
def test_escapes_by_a_backslash(write, written, meant, place):
    cells = read(write("a.csv", with_line(place, f"33,{written},7.5")))
    assert len(cells) == 300 and texts(cells)["city"][place] == meant


def test_a_table_of_which_every_row_is_escaped(write):
    rows = [rf'"{row}","called \"x, y\"","\"{row % 3}\""' for row in range(50)]
    cells = read(write("a.csv", lines("id,name,kind", *rows)))
    assert len(cells) == 50 and set(texts(cells)["name"]) == {'called "x, y"'}
    assert set(texts(cells)["kind"]) == {'"0"', '"1"', '"2"'}


def test_what_mysql_and_hive_write_for_nothing_is_missing(write):
    from tfgen.modalities.table.table import open_table

    rows = [rf"{row % 7},{'Ulm' if row % 3 else chr(92) + 'N'}" for row in range(60)]
    table = open_table(write("a.csv", lines("age,city", *rows)))
    column = table.rows.columns[1]
    assert column.categories == () or "\\N" not in column.categories
    assert column.missing == "\\N"
