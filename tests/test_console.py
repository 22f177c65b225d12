"""Numbers as people read them."""

import shlex

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


def test_a_long_wait_says_how_long(monkeypatch, capsys):
    from tfgen import console

    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    wait = console.Preparation("... {done} of {total} steps, {left} left", every=15.0)
    for done in range(1, 101):
        now[0] += 0.5
        wait.show(done, 100)
    said = ["30 of 100 steps, 35 s left", "60 of 100 steps, 20 s left", "90 of 100 steps, 5 s left"]
    assert capsys.readouterr().err == "".join(f"... {each}\n" for each in said)


def test_commands_can_be_pasted_into_a_shell():
    command = talk.command_line("generate", "my runs/cats", "a cat's hat", "-n", 3)
    assert shlex.split(command) == ["tfgen", "generate", "my runs/cats", "a cat's hat", "-n", "3"]
    assert talk.command_line("steer", "cats@v2", "--session", "01M") == "tfgen steer cats@v2 --session 01M"
