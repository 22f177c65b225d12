"""Moments of time zones, and years of two digits."""

import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from tests.modalities.table.conftest import by_name
from tfgen.modalities.table.cells import cells_of
from tfgen.modalities.table.kinds import rows_of
from tfgen.modalities.table.table import open_table, open_table_as
from tfgen.modalities.table.writing import texts_of, write_rows

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
UTC = [START + datetime.timedelta(hours=11 * place) for place in range(600)]
LOCAL = [moment.astimezone(BERLIN) for moment in UTC]
SECONDS = np.array([moment.timestamp() for moment in UTC])


def table_of(values):
    rows, notes = rows_of(cells_of({"when": values, "other": list("ab" * len(values))[: len(values)]}))
    return rows, [note for note in notes if "'when'" in note]


@pytest.mark.parametrize(
    "texts, first, zones",
    [
        ([moment.isoformat() for moment in LOCAL], "2024-01-01T00:00:00Z", "+01:00, +02:00"),
        ([str(moment)[:-3] for moment in LOCAL], "2024-01-01 00:00:00+00:00", "+01, +02"),
        ([f"{moment:%d.%m.%Y %H:%M%z}" for moment in LOCAL], "01.01.2024 00:00+00:00", "+0100, +0200"),
        ([f"{moment:%Y-%m-%dT%H:%M:%S}{'Z' if moment.hour % 3 else ''}" for moment in UTC], "2024-01-01T00:00:00Z",
         "none, Z"),
    ],
)  # fmt: skip
def test_moments_of_several_offsets_are_utc_and_it_is_said(texts, first, zones):
    rows, notes = table_of(texts)
    assert by_name(rows)["when"].kind == "datetime" and np.array_equal(rows.values["when"], SECONDS)
    assert texts_of(rows)["when"][0] == first and len(notes) == 1 and f"({zones}): read as UTC" in notes[0]


@pytest.mark.parametrize("zone", ["+00", "-05", "+05:30", " UTC", "Z", " CET"])
def test_one_zone_stays_as_it_is_written(zone):
    texts = [f"{moment:%Y-%m-%d %H:%M:%S}{zone}" for moment in UTC]
    rows, notes = table_of(texts)
    assert by_name(rows)["when"].kind == "datetime" and notes == [] and texts_of(rows)["when"].tolist() == texts


def test_days_of_several_offsets_are_days():
    rows, notes = table_of([f"{moment:%Y-%m-%d}T00:00:00{moment.isoformat()[-6:]}" for moment in LOCAL])
    assert by_name(rows)["when"].kind == "date" and rows.values["when"][0] == 19723
    assert "days by their own clocks" in notes[0]


def test_zones_that_only_have_names_are_said_to_be_words():
    _, notes = table_of([f"{moment:%Y-%m-%d %H:%M:%S %Z}" for moment in LOCAL])
    assert any("several time zones that have only names" in note for note in notes)


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl", ".xlsx"])
def test_zones_of_types_are_kept_or_said(ending, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as parquet

    ahead = datetime.timezone(datetime.timedelta(hours=-5))
    source = pa.table({
        "here": pa.array(LOCAL, pa.timestamp("us", "Europe/Berlin")), "utc": pa.array(UTC, pa.timestamp("ns", "UTC")),
        "ahead": pa.array([moment.astimezone(ahead) for moment in UTC], pa.timestamp("s", "-05:00")),
    })  # fmt: skip
    table = open_table(source)
    assert any("'here' are read as clocks in Europe/Berlin" in note for note in table.notes)
    written = texts_of(table.rows)
    assert [written[name][0] for name in source.column_names] == [
        "2024-01-01T01:00:00", "2024-01-01T00:00:00Z", "2023-12-31T19:00:00-05:00"]
    path = tmp_path / f"a{ending}"
    write_rows(path, table.rows, {})
    again = open_table_as(path, table.rows.columns)
    assert all(np.array_equal(again.rows.values[column.name], values) for column, values in table.rows)
    if ending == ".parquet":
        assert [kind.tz for kind in parquet.read_schema(path).types] == [None, "UTC", "-05:00"]


def test_other_rows_are_read_by_the_clock_of_the_column(write):
    rows, _ = table_of([f"{moment:%Y-%m-%d %H:%M:%S}+00" for moment in UTC])
    other = write("b.csv", "when,other\n" + "".join(f"{moment.isoformat()},a\n" for moment in LOCAL))
    assert np.array_equal(open_table_as(other, rows.columns).rows.values["when"], SECONDS)


def births(years, form="{month:02d}/{day:02d}/{year:02d}"):
    return [form.format(month=1 + place % 12, day=1 + place % 28, year=year % 100) for place, year in enumerate(years)]


def years_of(rows):
    return [day.item().year for day in rows.values["when"].astype("datetime64[D]")]


@pytest.mark.parametrize("name", ["born", "birth_date", "admitted", "DOB"])
def test_years_of_two_digits_are_not_of_the_far_future(name):
    now = datetime.date.today().year
    years = [*range(now - 80, now)] * 4
    rows, notes = rows_of(cells_of({name: births(years), "other": ["a", "b"] * 160}))
    found = [day.item().year for day in rows.values[name].astype("datetime64[D]")]
    assert found == years and texts_of(rows)[name].tolist() == births(years)
    assert any(f"'{name}' have two digits" in note for note in notes)


def test_a_birth_is_never_in_the_future_and_an_end_may_be(write):
    soon = datetime.date.today().year + 5
    for name, year in (("birthday", soon - 100), ("valid_until", soon), ("paid", soon), ("expiry", soon + 25)):
        years = [year - place % 3 for place in range(60)]
        rows, _ = rows_of(cells_of({name: births(years), "other": ["a", "b"] * 30}))
        assert [day.item().year for day in rows.values[name].astype("datetime64[D]")] == years, name


def test_other_rows_have_the_same_century(write):
    years = [1940 + place % 50 for place in range(300)]
    lines = [f"{text},{row % 7}\n" for row, text in enumerate(births(years))]
    learned = open_table(write("a.csv", "born,x\n" + "".join(lines)))
    other = open_table_as(write("b.csv", "born,x\n12/03/56,1\n1956-12-03,2\n"), learned.rows.columns)
    assert other.rows.values["born"].astype("datetime64[D]").astype(str).tolist() == ["1956-12-03"] * 2
