"""The store: what was acknowledged is there, once, whatever happened since; and bad requests get a sentence."""

import os
import subprocess
import sys
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sql

from tests.conftest import tfgen_environment
from tfgen.errors import Failure, UserError
from tfgen.feedback.events import Event, Sample
from tfgen.feedback.store import open_store


def ids(samples):
    return tuple(each.id for each in samples)


def test_what_was_said_is_read_back_as_it_was(store, url, samples):
    text = Sample("digits-gan", "0" * 32, prompt="seven", seed=7, content="as it was")
    said = [
        Event("pick", ids(samples), {"picked": [2]}, "ada", "monday"),
        Event("rating", ids(samples[:1]), {"value": 5}, "ada"),
        Event("edit", ids([text]), {"text": "“Ünïcode” <b>\n"}, "ben"),
        Event("tag", ids(samples[:1]), {"tags": ["odd", "blurred"]}, "ben"),
        Event("none", ids(samples), {}, "ben", "monday"),
    ]
    kept = store.add([*samples, text], said)
    with open_store(url) as other:
        events = other.events()
        assert [each.id for each in events] == kept and len(set(kept)) == 5
        assert [(each.kind, each.shown, each.payload, each.who, each.session) for each in events] == [
            (each.kind, each.shown, each.payload, each.who, each.session) for each in said
        ]
        assert other.samples(ids(samples)) == {each.id: each for each in samples}
        assert [each.kind for each in other.events(session="monday")] == ["pick", "none"]
        assert [each.kind for each in other.events(who="ben", limit=2)] == ["tag", "none"]
        assert other.events(run="another") == [] and len(other.events(run="digits-gan")) == 5
        assert other.counts("digits-gan")["pick", "ada"] == 1


def test_several_open_a_new_store_at_once(tmp_path):
    """SQLite itself refuses one in twenty here."""
    together = threading.Barrier(4)

    def open_and_close(path):
        together.wait()
        open_store(str(path)).close()

    with ThreadPoolExecutor(4) as pool:
        for number in range(20):
            list(pool.map(open_and_close, [tmp_path / f"{number}.db"] * 4))


def test_an_event_that_is_sent_again_is_kept_once(store, samples):
    event = Event("rating", ids(samples[:1]), {"value": 4}, key="from-the-page-17")
    first, again = store.add(samples, [event]), store.add(samples, [event])
    assert first == again and len(store.events()) == 1


def test_what_is_taken_back_stays_and_no_longer_counts(store, samples):
    (kept,) = store.add(samples, [Event("rating", ids(samples[:1]), {"value": 4}, "ada")])
    store.add([], [Event("undo", (), {"event": kept}, "ada")])
    assert store.events() == [] and store.counts() == {}
    assert [each.kind for each in store.events(withdrawn=True)] == ["rating", "undo"]
    with pytest.raises(UserError, match="itself takes something back"):
        store.add([], [Event("undo", (), {"event": store.events(withdrawn=True)[-1].id}, "ada")])
    with pytest.raises(UserError, match="No feedback 'nobody'"):
        store.add([], [Event("undo", (), {"event": "nobody"})])


@pytest.mark.parametrize("statement", ["UPDATE event SET who = 'eve'", "DELETE FROM event", "DELETE FROM sample"])
def test_rows_are_never_changed(store, samples, statement):
    store.add(samples, [Event("rating", ids(samples[:1]), {"value": 4}, "ada")])
    with pytest.raises(UserError, match="never changed"), store.writing() as connection:
        connection.exec_driver_sql(statement)
    assert len(store.events(who="ada")) == 1


def test_one_person_can_be_forgotten_and_nobody_else(store, url, samples):
    secret = Sample("digits-gan", "0" * 32, prompt="only ada typed this", seed=9, content="as it was")
    (kept,) = store.add([*samples, secret], [Event("edit", ids([secret]), {"text": "a secret of ada"}, "ada")])
    (of_ben, _) = store.add(samples, [Event("rating", ids(samples[:1]), {"value": each}, "ben") for each in (2, 3)])
    store.add([], [Event("undo", (), {"event": kept}, "ben"), Event("undo", (), {"event": of_ben}, "ada")])
    assert store.forget("ada") == 2 and store.forget("ada") == 0
    assert [each.who for each in store.events(withdrawn=True)] == ["ben", "ben", ""]
    assert [each.payload["value"] for each in store.events()] == [3], "what ada took back stays so"
    assert store.samples([secret.id]) == {} and len(store.samples(ids(samples[:1]))) == 1
    with pytest.raises(UserError, match="never changed"), store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM event")  # the way back is closed again
    if "://" not in url:
        store.close()
        content = b"".join(open(url + end, "rb").read() for end in ("", "-wal") if os.path.exists(url + end))
        assert b"a secret of ada" not in content and b"only ada typed this" not in content


@pytest.mark.parametrize(
    "kind, shown, payload, what",
    [
        ("pick", 4, {"picked": [4]}, "no pick among 4"),
        ("pick", 4, {"picked": []}, "no pick among 4"),
        ("pick", 4, {"picked": [1, 1]}, "no pick among 4"),
        ("pick", 1, {"picked": [0]}, "2 to 36 samples, not 1"),
        ("pair", 3, {"picked": [0]}, "two samples, not 3"),
        ("rating", 1, {"value": 6}, "6 is no rating"),
        ("rating", 2, {"value": 3}, "of one sample, not 2"),
        ("thumb", 1, {"value": 0}, "0 is no thumb"),
        ("edit", 1, {}, "no text"),
        ("edit", 1, {"text": "a" * 70000}, "70000 letters is too long"),
        ("tag", 1, {"tags": []}, "no tags"),
        ("like", 1, {}, "no kind of feedback"),
        ("undo", 0, {}, "Nothing is named"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_kept(tmp_path, samples, kind, shown, payload, what):
    with open_store(str(tmp_path / "feedback.db")) as store:
        good = Event("rating", ids(samples[:1]), {"value": 4})
        with pytest.raises(UserError, match=what):
            store.add(samples, [good, Event(kind, ids(samples[:shown]), payload)])
        assert store.events() == []


def test_a_sample_that_nobody_knows(store):
    with pytest.raises(UserError, match="No sample 'ffff'"):
        store.add([], [Event("rating", ("ffff",), {"value": 4})])
    with pytest.raises(UserError, match="No sample 'ffff'"):
        store.find_sample("ffff")


def test_a_database_of_something_else(url):
    address = url.replace("postgresql:", "postgresql+psycopg:") if "://" in url else f"sqlite:///{url}"
    engine = sql.create_engine(address)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE invoices (number INTEGER)")
    with pytest.raises(UserError, match="something else"):
        open_store(url)
    assert sql.inspect(engine).get_table_names() == ["invoices"]
    engine.dispose()


def test_a_store_of_a_newer_tfgen(store, url):
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UserError, match="newer tfgen"):
        open_store(url)


def test_a_damaged_file_and_places_where_no_store_can_be(tmp_path, monkeypatch):
    path = tmp_path / "feedback.db"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(Failure, match="is no store of feedback"):
        open_store(str(path))
    assert path.read_bytes() == b"this is no database" * 100
    whole = tmp_path / "whole.db"
    with open_store(str(whole)) as store:
        shown = [Sample("run", "digest", seed=seed) for seed in range(3000)]
        store.add(shown, [Event("rating", (each.id,), {"value": 3}) for each in shown])
    content = bytearray(whole.read_bytes())
    content[8192:-8192] = bytes(len(content) - 16384)
    whole.write_bytes(content)
    with pytest.raises(Failure, match="is damaged.*recover"), open_store(str(whole)) as store:
        store.events()
    with pytest.raises(UserError, match="would keep nothing"):
        open_store("sqlite://")
    with pytest.raises(UserError, match="can't be in mysql"):
        open_store("mysql://somewhere/feedback")
    with pytest.raises(UserError, match="can't be reached"):
        open_store("postgresql://tfgen@127.0.0.1:1/feedback")


def test_a_sample_is_named_by_what_made_it_alone():
    first = Sample("a", "d", prompt="seven", seed=3)
    assert first.id == Sample("renamed", "d", prompt="seven", seed=3).id
    others = [
        Sample("a", "e", prompt="seven", seed=3),
        Sample("a", "d", "v1", prompt="seven", seed=3),
        Sample("a", "d", prompt="two", seed=3),
        Sample("a", "d", prompt="seven", seed=4),
        Sample("a", "d", prompt="seven", seed=3, settings={"truncation": 0.5}),
        Sample("a", "d", prompt="seven", seed=3, content="text"),
    ]
    assert len({first.id, *(each.id for each in others)}) == 7


WRITERS = textwrap.dedent(
    """
    import os, random, select, signal, sys, time
    from tfgen.feedback.events import Event, Sample
    from tfgen.feedback.store import open_store

    url, rounds = sys.argv[1], int(sys.argv[2])
    chance = random.Random(7)
    import alembic.command, psycopg, sqlite3  # so that the writers begin at once

    def write(name, pipe):
        with open_store(url) as store:
            for number in range(10**6):
                sample = Sample("run", "digest", seed=hash((name, number)) % 2**31)
                event = Event("rating", (sample.id,), {"value": 1 + number % 5}, name, key=f"{name}-{number}")
                kept = store.add([sample], [event])
                if number % 3 == 0:
                    assert store.add([sample], [event]) == kept  # as a client would that heard nothing
                os.write(pipe, f"{name}-{number} {kept[0]}\\n".encode())

    acknowledged = []
    for turn in range(rounds):
        children = []
        for writer in range(4):
            read, pipe = os.pipe()
            child = os.fork()
            if not child:
                os.close(read)
                try:
                    write(f"{turn}-{writer}", pipe)
                except BaseException as error:
                    os.write(pipe, f"failed {error!r}\\n".encode())
                os._exit(1)
            os.close(pipe)
            children.append((child, read))
        if turn:  # in the first, while the store is made
            select.select([read for _, read in children], [], [], 20)
        time.sleep(chance.uniform(0.0, 0.3))
        for child, _ in chance.sample(children, 4):
            os.kill(child, signal.SIGKILL)
            time.sleep(chance.uniform(0, 0.02))
        for child, read in children:
            os.waitpid(child, 0)
            with os.fdopen(read, "rb") as lines:
                acknowledged += [line.decode() for line in lines.read().splitlines(True) if line.endswith(b"\\n")]
    sys.stdout.write("".join(acknowledged))
    """
)


@pytest.mark.parametrize("rounds", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_nothing_acknowledged_is_lost_when_writers_are_killed(url, rounds):
    """Four at once, from the moment in which the store is made."""
    command = [sys.executable, "-c", WRITERS, url, str(rounds)]
    process = subprocess.run(command, env=tfgen_environment(), capture_output=True, text=True, timeout=600)
    assert process.returncode == 0, process.stderr
    acknowledged = [line.split() for line in process.stdout.splitlines()]
    assert not [line for line in acknowledged if line[0] == "failed"] and len(acknowledged) > 4 * rounds
    with open_store(url) as store:
        events = store.events()
        by_key = {event.key: event.id for event in events}
        assert len(by_key) == len(events) == len({event.id for event in events}), "no duplicates"
        assert {key: by_key.get(key) for key, _ in acknowledged} == dict(acknowledged), "nothing lost"
        if "://" not in url:
            with store.reading() as connection:
                assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
