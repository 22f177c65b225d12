"""Scripts that share a process: what each says, and what becomes of the next where one dies or is interrupted."""

import threading

import pytest

from tfgen.export import apart

SCRIPTS = {
    "loud": "import sys\nprint('words')\nopen(sys.argv[1], 'w').write(sys.argv[2])",
    "wrong": "raise ValueError('it is wrong')",
    "ended": "import sys\nsys.exit('it has ended')",
    "well": "import sys\nsys.exit(0)",
    "dead": "import os, sys\nprint('it dies', file=sys.stderr, flush=True)\nos._exit(3)",
    "slow": "import time\ntime.sleep(600)",
    "alone": "import tfgen",
    "without": "import keras",
}


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    """Scripts that share a process of this test's own."""
    for name, text in SCRIPTS.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setattr(apart, "_SHARING", [f"{name}.py" for name in SCRIPTS])
    monkeypatch.setattr(apart, "_hosts", [])
    return tmp_path


@pytest.mark.slow
def test_each_script_says_how_it_went_and_the_next_runs(scripts):
    with apart.sharing():
        assert apart.run(scripts / "wrong.py") == "ValueError: it is wrong"
        assert apart.run(scripts / "loud.py", scripts / "out", "said") is None
        assert (scripts / "out").read_text() == "said"
        assert apart.run(scripts / "ended.py") == "it has ended"
        assert apart.run(scripts / "well.py") is None
        assert "tfgen" in apart.run(scripts / "alone.py") and "keras" in apart.run(scripts / "without.py")
        process = apart._hosts[-1]._process
        assert apart.run(scripts / "dead.py") == "it dies (exit code 3)"
        assert process.poll() is not None
        assert apart.run(scripts / "wrong.py") == "ValueError: it is wrong"

        # Interrupted, as by Ctrl-C, it ends at once, and nobody gets its answer.
        host = apart._hosts[-1]
        host._process.stdout.close()
        host._process.stdout = Interrupted()
        process = host._process
        with pytest.raises(KeyboardInterrupt):
            apart.run(scripts / "slow.py")
        assert process.poll() is not None
        assert apart.run(scripts / "well.py") is None

        told = [(scripts / "loud.py", scripts / name, name) for name in "ab"]
        threads = [threading.Thread(target=apart.run, args=each) for each in told]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert [(scripts / name).read_text() for name in "ab"] == ["a", "b"]
        process = apart._hosts[-1]._process
    assert process.poll() is not None and not apart._hosts


class Interrupted:
    """A pipe at which somebody presses Ctrl-C."""

    def readline(self):
        raise KeyboardInterrupt

    def close(self):
        pass


def test_nothing_begins_where_nothing_is_run(scripts):
    with apart.sharing():
        assert apart._hosts[-1]._process is None
