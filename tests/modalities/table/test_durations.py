"""How long something took: read as seconds, and written as it was."""

import datetime

import numpy as np
import pytest

from tests.modalities.table.conftest import by_name
from tfgen.modalities.table.cells import cells_of
from tfgen.modalities.table.codec import TableCodec
from tfgen.modalities.table.kinds import rows_of
from tfgen.modalities.table.table import open_table, open_table_as
from tfgen.modalities.table.writing import texts_of, write_rows
from tfgen.representations.rows.conditions import read_conditions

SECONDS = [int(each) for each in np.random.default_rng(0).integers(0, 400_000, 300)]


def clock(seconds, width=1):
    return f"{seconds // 3600:0{width}d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def table_of(values):
    rows, notes = rows_of(cells_of({"took": values, "other": ["a", "b"] * (len(values) // 2)}))
    return rows, notes


@pytest.mark.parametrize(
    "write",
    [
        clock,
        lambda seconds: clock(seconds, 2),
        lambda seconds: f"{seconds // 86400} days {clock(seconds % 86400, 2)}",
        lambda seconds: str(datetime.timedelta(seconds=seconds)),
        lambda seconds: f"{seconds // 86400} days {clock(seconds % 86400, 2)}.{seconds % 1000:03d}",
    ],
)
def test_durations_are_seconds_and_written_as_they_were(write):
    texts = [write(seconds) for seconds in SECONDS]
    rows, notes = table_of(texts)
    expected = [seconds + (seconds % 1000 / 1000 if "." in text else 0) for seconds, text in zip(SECONDS, texts)]
    np.testing.assert_allclose(rows.values["took"], expected)
    assert by_name(rows)["took"].kind == ("number" if "." in texts[0] else "integer")
    assert texts_of(rows)["took"].tolist() == texts and any("'took' holds durations" in note for note in notes)


@pytest.mark.parametrize(
    "texts, seconds", [(["51:23", "99:59", "0:07", "12:30"], [3083, 5999, 7, 750]),
                       (["2 days 03:00", "0 days 00:10", "1 days 23:59", "12 days 01:00"],
                        [183600, 600, 172740, 1040400])],
)  # fmt: skip
def test_two_parts_are_minutes_and_seconds_or_beside_days_hours_and_minutes(texts, seconds):
    rows, _ = table_of(texts)
    assert rows.values["took"].tolist() == seconds and texts_of(rows)["took"].tolist() == texts


def test_times_of_a_day_stay_such_and_other_forms_are_said():
    assert by_name(table_of([clock(seconds % 80_000) for seconds in SECONDS])[0])["took"].kind == "time"
    for form in ("PT{}H{}M", "{}h {}m"):
        texts = [form.format(seconds // 3600, seconds // 60 % 60) for seconds in SECONDS]
        assert any("holds durations in words" in note for note in table_of(texts)[1])


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl", ".xlsx"])
def test_written_and_read_again_and_asked_for(tmp_path, ending):
    import pyarrow as pa

    rows, _ = table_of([clock(seconds) for seconds in SECONDS])
    path = tmp_path / f"a{ending}"
    write_rows(path, rows, {})
    assert np.array_equal(open_table_as(path, rows.columns).rows.values["took"], SECONDS)
    typed = open_table({"took": pa.array([10**9 * each for each in SECONDS], pa.duration("ns")), "x": ["a", "b"] * 150})
    assert np.array_equal(typed.rows.values["took"], SECONDS)
    asked = read_conditions(TableCodec.of(rows, 300), "took=1:00:00..30:00:00")
    assert asked.ranges["took"] == [(3600, 108_000)]


def test_durations_of_whole_minutes_come_out_so():
    rows, _ = table_of([clock(seconds // 60 * 60) for seconds in SECONDS])
    codec = TableCodec.of(rows, 300)
    made = codec.decode(codec.encode(rows), np.random.default_rng(1).random((300, 2))).values["took"]
    assert not (made % 60).any() and len(set(made.tolist())) > 50
