"""What a person says of a table: settings, families of settings, and the TOML file."""

from datetime import date, timedelta

import numpy as np
import pytest

from tests.modalities.table.conftest import by_name
from tfgen import config
from tfgen.config import parse_pairs, split_settings
from tfgen.data.settings import DataSetting
from tfgen.errors import UserError
from tfgen.modalities.table.correction import SETTINGS, as_toml, settings_of
from tfgen.modalities.table.describe import describe, facts
from tfgen.modalities.table.table import open_table

FIRST = date(2020, 1, 1)
PLAIN = "id,zip,age,city,country,start,end\n" + "".join(
    f"{1000 + 3 * place},{place * 7 % 13 + 10115},{20 + place % 50},city {place % 12},land {place % 12 // 4},"
    f"{FIRST + timedelta(place * 7 % 200)},{FIRST + timedelta(place * 7 % 200 + place % 11 + 1)}\n"
    for place in range(200)
)


@pytest.fixture
def family(monkeypatch):
    """Settings as they are once a modality of tables is registered."""
    known = {**config._all_data_settings(), "column": SETTINGS["column"], "delimiter": SETTINGS["delimiter"]}
    monkeypatch.setattr(config, "_all_data_settings", lambda: known)


def test_a_family_has_a_value_for_each_name(family):
    pairs = parse_pairs(["column.zip=category", "column.education-num=integer", "column.a.b c=text", "delimiter=;"])
    _, data = split_settings(pairs, None)
    assert data == {"column": {"zip": "category", "education-num": "integer", "a.b c": "text"}, "delimiter": ";"}
    _, data = split_settings({"column": {"zip": "key"}, "column.age": "integer"}, None)
    assert data == {"column": {"zip": "key", "age": "integer"}}


@pytest.mark.parametrize("pair, says", [("colum.zip=category", "Did you mean 'column.zip'"),
                                        ("column.=category", "No setting named 'column.'"),
                                        ("size.x=3", "No setting named 'size.x'")])  # fmt: skip
def test_what_is_no_family(family, pair, says):
    with pytest.raises(UserError, match=says):
        split_settings(parse_pairs([pair]), None)


def test_a_family_without_a_name():
    with pytest.raises(UserError, match="--set column.NAME=KIND"):
        settings_of({"column": "category"})


@pytest.mark.parametrize(
    "name, value, says",
    [
        ("delimiter", "::", "must be one sign"),
        ("encoding", "utf-88", "is no encoding"),
        ("header", "first", "header is 'first'"),
        ("header", -1, "from 1 on"),
        ("skip", "x", "skip is 'x'"),
        ("rows", 0, "from 1 on"),
        ("decimal", ";", "Choose one of: ,, ."),
        ("dates", "dmx", "Did you mean 'dmy'"),
        ("column", {"zip": "categry"}, "Did you mean 'category'"),
        ("columns", "/nowhere/columns.toml", "can't be read"),
        ("colum", {}, "Did you mean 'column'"),
    ],
)
def test_settings_that_make_no_sense(name, value, says):
    with pytest.raises(UserError, match=says):
        settings_of({name: value})


def test_settings_as_they_are_typed():
    said = settings_of({"delimiter": "tab", "header": "none", "skip": "3", "missing": "?, -200", "rows": "10",
                        "encoding": "latin1", "sheet": None})  # fmt: skip
    assert (said.options.delimiter, said.options.header, said.options.skip) == ("\t", 0, 3)
    assert said.options.rows == 10 and said.options.encoding == "iso8859-1"
    assert said.corrections.missing == ("?", "-200")


def test_checked_settings_can_be_checked_again():
    typed = {"delimiter": "tab", "header": "none", "missing": "a,b", "columns": {}, "column": {"a": "key"}}
    for name, value in typed.items():
        once = SETTINGS[name].check(value)
        assert SETTINGS[name].check(once) == once
    assert all(isinstance(setting, DataSetting) and setting.help for setting in SETTINGS.values())


def test_what_was_found_as_toml_and_back(write):
    path = write("a.csv", PLAIN)
    table = open_table(path)
    toml = as_toml(table.rows, table.constraints)
    assert '"zip" = "category"' in toml and '"start < end"' in toml and '"fixed city country"' in toml
    again = open_table(path, {"columns": str(write("found.toml", toml))})
    assert again.rows.columns == table.rows.columns and again.fingerprint == table.fingerprint
    assert [each.text for each in again.constraints] == [each.text for each in table.constraints]


def test_what_was_found_is_printed_to_be_corrected(write, command, isolated):
    made = command("data", write("a.csv", PLAIN), "--toml", "--set", "group=city")
    assert made.exit_code == 0 and made.stdout.startswith("# What each column is")
    assert 'group = "city"' in made.stdout and '"zip" = "category"' in made.stdout
    assert settings_of({"columns": str(write("found.toml", made.stdout))}).group == "city"
    refused = command("data", "digits", "--toml")
    assert refused.exit_code == 2 and "Only tables have columns to correct" in refused.stderr


def test_a_file_corrects_and_a_setting_corrects_the_file(write):
    path = write("a.csv", PLAIN)
    toml = write("a.toml", '[columns]\nzip = "integer"\nage = "category"\n[missing]\n"*" = ["city 3"]\nage = ["20"]\n'
                           'constraints = ["fixed city country"]\n')  # fmt: skip
    table = open_table(path, {"columns": str(toml), "column": {"age": "integer"}})
    columns = by_name(table.rows)
    assert columns["zip"].kind == "integer" and columns["age"].kind == "integer"
    assert columns["city"].missing == "city 3" and columns["age"].missing == "20"
    assert [each.text for each in table.constraints] == ["fixed city country"]


@pytest.mark.parametrize(
    "content, says",
    [
        ("[columns]\nzpi = 'category'", "No column named 'zpi'. Did you mean 'zip'"),
        ("[columns]\nzip = 'categori'", "Did you mean 'category'"),
        ("[column]\nzip = 'category'", "Did you mean 'columns'"),
        ("[missing]\nctiy = ['x']", "Did you mean 'city'"),
        ("constraints = ['start < stop']", "No column named 'stop'"),
        ("constraints = 'start < end'", "is not a list"),
        ("[columns", "is no TOML"),
    ],
)
def test_files_that_make_no_sense(write, content, says):
    with pytest.raises(UserError, match=says):
        open_table(write("a.csv", PLAIN), {"columns": str(write("a.toml", content))})


def test_groups(write):
    table = open_table(write("a.csv", "who,x\na,1\nb,2\na,3\n,4\n,5\n"), {"group": "who"})
    assert table.group.tolist()[0] == table.group.tolist()[2] and len(set(table.group.tolist())) == 4
    assert [column.kind for column in table.rows.columns] == ["key", "integer"]
    with pytest.raises(UserError, match="No column named 'hwo'. Did you mean 'who'"):
        open_table(write("b.csv", "who,x\na,1\nb,2\n"), {"group": "hwo"})


def test_fingerprints_are_of_the_content(write):
    first, moved = open_table(write("a.csv", PLAIN)), open_table(write("b/c.csv", PLAIN.replace("\n", "\r\n")))
    assert first.fingerprint == moved.fingerprint
    assert first.fingerprint != open_table(write("d.csv", PLAIN.replace("land 1", "land 7"))).fingerprint


def test_what_is_said_of_a_table(write):
    table = open_table(write("a.csv", PLAIN), {"column": {"city": "text"}})
    lines = describe(table)
    assert lines[0] == "200 rows of 7 columns."
    assert lines[1] == "  id       key, left out and made anew, as 1598"
    assert "integer, 20 to 69, half of them up to 44" in lines[3] and "free text, left out" in lines[4]
    assert lines[5] == "  country  category of 3: land 0 34 %, land 1 34 %, land 2 32 %"
    assert lines[-1] == "In every row: start < end."
    said = facts(table)
    assert said["count"] == 200 and said["columns"][2] == {"name": "age", "kind": "integer", "range": ["20", "69"],
                                                           "missing": 0}  # fmt: skip
    many = open_table({f"c{place}": [1, 2, 3] for place in range(60)})
    assert describe(many)[-1] == "  and 20 more columns: 20 integer"


def test_a_file_without_a_header_is_given_names(write):
    path = write("plain.csv", "".join(f"{row},{'ab'[row % 2]},{row % 7}.5\n" for row in range(60)))
    for columns in ("row,letter,size", ["row", "letter", "size"], {"names": ["row", "letter", "size"]}):
        table = open_table(path, {"columns": columns, "column": {"letter": "category"}})
        assert [column.name for column in table.rows.columns] == ["row", "letter", "size"] and len(table) == 60
        assert not any("header" in note for note in table.notes)
    toml = as_toml(table.rows, table.constraints, names=table.names)
    again = open_table(path, {"columns": str(write("plain.toml", toml))})
    assert again.rows.columns == table.rows.columns
    with pytest.raises(UserError, match="has 3 columns, and 2 names were given"):
        open_table(path, {"columns": "row,letter"})
    with pytest.raises(UserError, match="all different"):
        open_table(path, {"columns": "row,row,size"})


def test_numbers_that_never_come_twice_are_pointed_out(write):
    numbers = 5000 + np.random.default_rng(0).permutation(400)
    lines = "".join(f"{number},{row % 13}\n" for row, number in enumerate(numbers[:300]))
    table = open_table(write("invoices.csv", "invoiced,b\n" + lines))
    (note,) = [note for note in table.notes if "No two rows" in note]
    assert "'invoiced'" in note and "column.invoiced=key" in note
    toml = as_toml(table.rows, table.constraints)
    assert '# "unique invoiced",' in toml
    said = open_table(write("invoices.csv", "invoiced,b\n" + lines), {
        "columns": str(write("invoices.toml", toml.replace('# "unique', '"unique')))
    })
    assert [each.text for each in said.constraints] == ["unique invoiced"]
    # Fine numbers differ by accident.
    fine = "".join(f"{value:.4f},1\n" for value in np.random.default_rng(0).random(300) * 1000)
    assert not any("No two rows" in note for note in open_table(write("fine.csv", "x,y\n" + fine)).notes)


@pytest.mark.parametrize(
    "name, value, what",
    [
        ("mail", "person{}@example.org", "e-mail addresses"),
        ("reach", "+43 316 55{:03d}", "telephone numbers"),
        ("firstName", "{}", "names of persons"),
        ("ward", "{}", None),
    ],
)
def test_categories_that_are_of_persons_are_pointed_out(write, name, value, what):
    letters = ["".join(chr(97 + (7 * row + 3 * place) % 26) for place in range(5)) for row in range(30)]
    cells = [value.format(letters[row % 30] if value == "{}" else row % 30) for row in range(300)]
    lines = "".join(f"{cell},{at % 9}\n" for at, cell in enumerate(cells))
    table = open_table(write("people.csv", f"{name},n\n{lines}"))
    found = [note for note in table.notes if "looks like" in note]
    assert len(found) == (what is not None) and all(what in note and f"column.{name}=text" in note for note in found)
