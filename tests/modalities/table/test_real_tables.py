"""Files as people have them, each read as a person would, without a setting."""

import numpy as np
import pytest

from tests.modalities.table.conftest import by_name
from tfgen.errors import UserError
from tfgen.modalities.table.describe import describe
from tfgen.modalities.table.table import open_table, open_table_as
from tfgen.modalities.table.writing import ENDINGS, write_rows


def kinds(table):
    return {column.name: column.kind for column in table.rows.columns}


def test_semicolons_decimal_commas_empty_columns_and_rows(real):
    path = real("messy_csv/AirQualityUCI.csv")
    table = open_table(path)
    assert len(table) == 9357 and len(table.rows.columns) == 15
    columns = by_name(table.rows)
    assert columns["Date"].kind == "date" and columns["Date"].writing["format"] == "%d/%m/%Y"
    assert columns["Time"].kind == "time" and table.rows.values["Time"][0] == 18 * 3600
    assert columns["CO(GT)"].writing["decimal"] == "," and table.rows.values["CO(GT)"][0] == 2.6
    assert any("114 empty rows" in note for note in table.notes)
    (sentinel,) = [note for note in table.notes if "--set missing=-200" in note]
    assert "13 columns" in sentinel
    told = open_table(path, {"missing": "-200"})
    assert np.nanmin(told.rows.values["CO(GT)"]) == 0.1 and by_name(told.rows)["CO(GT)"].missing == "-200"


def test_latin_1(real):
    table = open_table(real("messy_csv/SeoulBikeData.csv"))
    assert len(table) == 8760 and "Dew point temperature(°C)" in kinds(table)
    assert any("encoding" in note for note in table.notes)


def test_a_second_row_of_the_header_and_whole_questions(real):
    table = open_table(real("messy_csv/StarWars.csv"))
    assert len(table) == 1186 and len(table.rows.columns) == 38
    names = list(kinds(table))
    assert names[:2] == ["RespondentID", "Have you seen any of the 6 films in the Star Wars franchise?"]
    assert names[3].startswith("Which of the following") and names[3].endswith("I The Phantom Menace")
    assert by_name(table.rows)[names[3]].categories == ("Star Wars: Episode I  The Phantom Menace",), "a box to tick"
    assert kinds(table)["RespondentID"] == "key" and names[-1] == "Location (Census Region)"
    assert any("lines 1 and 2" in note for note in table.notes)


def test_tabs_in_a_csv_with_cr_alone_at_line_ends(real):
    table = open_table(real("messy_csv/btw17_kerg.csv"))
    assert len(table) == 299 and kinds(table)["wknr"] == "key" and kinds(table)["firstvote_valid"] == "integer"
    assert by_name(table.rows)["state"].categories.count("Baden-Württemberg") == 1
    assert "firstvote = secondvote" in [constraint.text for constraint in table.constraints]


def test_a_row_that_numbers_the_columns_and_rows_of_totals(real):
    table = open_table(real("messy_csv/btw17_strukturdaten.csv"))
    assert len(table) == 316 and kinds(table)["Land"] == "category"
    assert any("Line 1 only numbers" in note for note in table.notes)
    assert any("like totals by" in note for note in table.notes)


def test_one_name_twice_and_percents(real):
    table = open_table(real("messy_csv/pollster-ratings-2019.csv"))
    assert len(table) == 430 and {"Mean-Reverted Bias", "Mean-Reverted Bias (2)"} <= set(kinds(table))
    assert by_name(table.rows)["Races Called Correctly"].writing == {"after": "%"}
    assert table.rows.values["Races Called Correctly"][0] == 80


def test_a_header_that_comes_again(real):
    table = open_table(real("messy_csv/bachelorette.csv"))
    assert len(table) == 920 and kinds(table)["SHOW"] == "category"
    assert any("repeats the header" in note and "line 2" in note for note in table.notes)


def test_sheets_with_titles_notes_and_merged_cells(real):
    pytest.importorskip("openpyxl")
    kidney = open_table(real("messy_csv/messy_aki.xlsx"))
    assert len(kidney) == 20 and kinds(kidney)["dob"] == "date" and kinds(kidney)["DAY2GFR`"] == "integer"
    assert any("'DAY2GFR`' holds numbers but for 1 cell taken as missing" in note for note in kidney.notes)
    pressure = open_table(real("messy_csv/messy_bp.xlsx"))
    assert len(pressure) == 20 and list(kinds(pressure))[-2:] == ["Visit 3: BP", "Visit 3: HR"]
    assert any("two numbers in a cell" in note for note in pressure.notes)
    glucose = open_table(real("messy_csv/messy_glucose.xlsx"))
    assert len(glucose) == 24 and kinds(glucose)["glucose POST"] == "number"
    assert any("6 rows below the table" in note for note in glucose.notes)


def test_no_header_and_a_comment_in_the_first_line(real):
    learned, held_out = open_table(real("adult/adult.data")), open_table(real("adult/adult.test"))
    assert (len(learned), len(held_out)) == (32561, 16281)
    assert describe(learned)[0] == "32561 rows of 15 columns."
    assert by_name(learned.rows)["column_2"].missing == "?"
    assert [constraint.text for constraint in learned.constraints] == ["fixed column_4 column_5"]
    other = open_table_as(real("adult/adult.test"), learned.rows.columns)
    assert np.array_equal(other.rows.values["column_1"], held_out.rows.values["column_1"])
    assert any("16281 cells of 'column_15' taken as missing" in note for note in other.notes), "categories with a point"


def test_other_tables(real):
    assert kinds(open_table(real("insurance/insurance.csv")))["smoker"] == "boolean"
    assert kinds(open_table(real("breast_cancer_wisconsin/wisc_bc_data.csv")))["id"] == "key"
    kidney = open_table(real("chronic_kidney_disease/chronic_kidney_disease_full.arff"))
    assert len(kidney) == 400 and kinds(kidney)["class"] == "category" and by_name(kidney.rows)["age"].missing == "?"
    heart = open_table(real("heart_disease_uci/processed.cleveland.data"))
    assert by_name(heart.rows)["column_1"].writing == {"zeros": 1} and kinds(heart)["column_2"] == "boolean"
    bank = open_table(real("bank_additional/bank-additional-full.csv.gz"))
    assert len(bank) == 41188 and any("--set missing=999" in note for note in bank.notes)
    assert len(open_table(real("census2k"))) == 8000, "four files with one header"
    with pytest.raises(UserError, match="4 tables, without headers"):
        open_table(real("heart_disease_uci"))


def test_people_in_several_rows(real):
    path = real("diabetes130/diabetic_data.csv.gz")
    table = open_table(path, {"group": "patient_nbr", "rows": 20_000})
    assert len(table) == 20_000 and kinds(table)["patient_nbr"] == "key" and table.group.shape == (20_000,)
    assert 1 < np.bincount(table.group).max() and kinds(table)["admission_type_id"] == "category"
    assert kinds(table)["diag_1"] == "category" and kinds(table)["examide"] == "constant"


@pytest.mark.parametrize(
    "name",
    [
        "messy_csv/AirQualityUCI.csv",
        "messy_csv/StarWars.csv",
        "messy_csv/pollster-ratings-2019.csv",
        "covid_testing/covid_testing_deid.csv",
    ],
)
def test_what_was_read_is_written_and_read_again(name, real, tmp_path):
    pytest.importorskip("openpyxl")
    rows = open_table(real(name)).rows.take(slice(0, 1500))
    for ending in ENDINGS:
        write_rows(tmp_path / f"rows{ending}", rows, {})
        again = open_table_as(tmp_path / f"rows{ending}", rows.columns).rows
        for column, values in rows:
            np.testing.assert_array_equal(again.values[column.name], values, f"{column.name} in {ending}")
