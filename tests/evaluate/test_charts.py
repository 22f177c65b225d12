"""Charts: whatever the values, an axis holds them, and a line breaks where they are missing."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfgen.evaluate.charts import Axis, bounds, dot_plot, line_chart, round_values
from tfgen.evaluate.score_descriptions import number, percent, short

finite = st.floats(-1e12, 1e12)


@given(st.lists(finite, min_size=1))
def test_a_logarithmic_axis_holds_all_values(values):
    axis = Axis.of_decades(values)
    assert axis.low < axis.high
    assert all(0 <= axis.place(value) <= 1 for value in values)
    assert 2 <= len(axis.ticks()) <= 6
    assert max(values) <= axis.high * (1 + 1e-9) or max(values) <= 0


def test_a_logarithmic_axis_goes_by_decades():
    axis = Axis.of_decades([0.5, 300])
    assert (axis.low, axis.high) == (pytest.approx(0.1), pytest.approx(1000))
    assert axis.place(10) == pytest.approx(0.5)
    assert axis.place(-3) == 0


@given(finite, st.floats(1e-3, 1e12), st.integers(2, 8))
def test_round_values_lie_within(low, width, count):
    values = round_values(low, low + width, count)
    assert 0 < len(values) <= count + 1
    slack = 1e-6 * (width + abs(low))
    assert all(low - slack <= value <= low + width + slack for value in values)


def test_round_values_are_what_people_would_write():
    assert round_values(0, 1, 4) == [0, 0.25, 0.5, 0.75, 1]
    assert round_values(0, 2129, 4) == [0, 1000, 2000]


def test_bounds_leave_a_stray_out():
    values = np.array([1e6, *np.linspace(1, 2, 200)])
    low, high = bounds(values)
    assert low < 1 and 2 < high < 10
    assert bounds(np.linspace(0, 100, 200))[1] > 100
    assert bounds(np.array([math.nan])) == (0, 1)
    low, high = bounds(np.array([5.0]))
    assert low < 5 < high


def test_a_line_breaks_where_values_are_missing():
    chart = line_chart([1, 2, 3, 4, 5], [1.0, 2.0, None, 3.0, 2.0], "loss", short)
    assert chart.count('class="line"') == 2
    assert "nan" not in chart


@pytest.mark.parametrize("values", [[1.0], [None], [2.0] * 5000])
def test_a_line_of_few_or_many_values(values):
    chart = line_chart(list(range(1, len(values) + 1)), values, "loss", short)
    assert "nan" not in chart and len(chart) < 50_000


def test_a_dot_plot_says_its_numbers_and_shows_what_is_better():
    axis = Axis(0.0, 1.0)
    plot = dot_plot(0.5, (0.4, 0.6), {"real": 0.9, "another": 0.1}, axis, "near 0.5", percent, percent)
    assert 'aria-label="this run 50.0%; real 90.0%; another 10.0%"' in plot
    assert 'class="target" d="M200.0' in plot and 'class="interval"' in plot
    plot = dot_plot(-1.0, None, {"real": 20.0}, Axis.of_decades([-1.0, 20.0]), "lower", number, short)
    assert "\N{LESS-THAN OR EQUAL TO}1<" in plot and 'class="interval"' not in plot
    assert min(map(float, re.findall(r'cx="([-\d.]+)"', plot))) > 0


@pytest.mark.parametrize(
    "value, text, brief",
    [
        (0, "0", "0"),
        (2.7851, "2.79", "2.79"),
        (0.5, "0.500", "0.5"),
        (-0.08452, "−0.0845", "−0.0845"),
        (299285.9, "299,286", "299,286"),
        (100.0, "100", "100"),
        (1e-7, "1.00e-07", "1.00e-07"),
        (math.nan, "-", "-"),
        (-1234.56, "−1,235", "−1,235"),
    ],
)
def test_numbers_are_written_as_people_do(value, text, brief):
    assert (number(value), short(value)) == (text, brief)


def test_charts_of_columns_keep_words_of_any_writing_as_text():
    from base64 import b64decode

    from tfgen.evaluate.rows.charts import heat_map, marginal
    from tfgen.representations.rows.columns import CATEGORY, Column

    cities = ("\u5317\u4eac", "\u062a\u0647\u0631\u0627\u0646")
    codes = np.array([0, 1, 1])
    for picture in (marginal(Column("city", CATEGORY, cities), codes, codes), heat_map(list(cities), np.eye(2))):
        drawn = b64decode(picture.partition(",")[2]).decode()
        assert all(city in drawn for city in cities)
