"""Numbers as people read them."""

import pytest

from tfgen import console as talk


@pytest.mark.parametrize(
    "seconds, text", [(0, "0 s"), (89, "89 s"), (300, "5 min"), (4800, "80 min"), (9000, "2 h 30 min")]
)
def test_durations_are_read_easily(seconds, text):
    assert talk.duration(seconds) == text


@pytest.mark.parametrize("number, text", [(0, "0"), (9999, "9999"), (56789, "57 thousand"), (1234567, "1.2 million")])
def test_counts_are_read_easily(number, text):
    assert talk.count(number) == text


@pytest.mark.parametrize("number, text", [(870 * 2**20, "870 MB"), (int(1.3 * 2**30), "1.3 GB")])
def test_sizes_are_read_easily(number, text):
    assert talk.size(number) == text
