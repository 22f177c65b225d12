"""The store: samples that people saw and what they said of them, in SQLite or PostgreSQL, never changed once written.

`add` returns after the rows are on the disk: SQLite writes ahead and waits for the disk at each commit, PostgreSQL does
so by itself. Several processes may write at once.
"""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sql
from sqlalchemy.dialects import postgresql, sqlite

from tfgen.errors import Failure, UserError
from tfgen.feedback import schema
from tfgen.feedback.events import Event, Sample, check, check_shown, new_id, whoami
from tfgen.run import runs_folder

_WAIT = 60.0  # seconds for another writer
_ASKED_AT_ONCE = 500  # ids in one query
_LOCK = 0x7F6E  # PostgreSQL's advisory lock, held while tables are made


class Store:
    """An open store; a context manager that closes it."""

    def __init__(self, engine: sql.Engine, place: str):
        self.engine = engine
        self.place = place

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        self.engine.dispose()

    # Writing.

    def add(self, samples: Iterable[Sample], events: Iterable[Event]) -> list[str]:
        """Keeps samples and events, all or none of them, and gives the events' ids.

        A sample that is known already is kept once; so is an event whose key is. What the caller leaves out of an
        event, such as its id and time, is filled in.

        Raises:
            UserError: an event says nothing or the impossible, or is about a sample or event that nobody knows.
            Failure: the store can't be written; nothing was kept.
        """
        samples, events = {each.id: each for each in samples}, list(events)
        for each in events:
            check(each)
        with self.writing() as connection:
            if samples:
                self._insert(connection, schema.sample, [_sample_row(each) for each in samples.values()])
            shown = {each for event in events for each in event.shown} - samples.keys()
            known = {**samples, **_samples(connection, shown)}
            rows: list[dict[str, Any]] = []
            for event in events:
                rows.append(self._event_row(connection, event, known, rows))
            if rows:
                self._insert(connection, schema.event, rows)
            return self._ids(connection, rows)

    def _event_row(
        self, connection: sql.Connection, event: Event, known: dict[str, Sample], before: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """A row of the table; `before` are those of the same call, which an undo may be of."""
        check_shown(event.shown, known)
        about = known[event.shown[0]] if event.shown else None
        if event.kind == "edit" and about.content is None:
            raise UserError("An edit is of a text, and this sample is none.", "Rate it, or tag it.")
        run, digest, session, undoes = (about.run, about.digest, event.session, None) if about else ("", "", "", None)
        if event.kind == "undo":
            undoes = event.payload["event"]
            run, digest, session = self._undone(connection, undoes, before, again=bool(event.key))
        return {
            "id": event.id or new_id(),
            "at": event.at or _now(),
            "who": event.who or whoami(),
            "session": event.session or session,
            "kind": event.kind,
            "run": run,
            "digest": digest,
            "shown": json.dumps(list(event.shown)),
            "payload": json.dumps(dict(event.payload), ensure_ascii=False),
            "undoes": undoes,
            "key": event.key or None,
        }

    def _undone(
        self, connection: sql.Connection, id: str, before: list[dict[str, Any]], again: bool
    ) -> tuple[str, str, str]:
        """The run, digest and session of an event that is taken back; `again` where it may have been, by the same."""
        columns = schema.event.c
        found = next((row for row in before if row["id"] == id), None)
        found = found or connection.execute(sql.select(schema.event).where(columns.id == id)).mappings().first()
        if found is None:
            raise UserError(f"No feedback '{id}' is known.", "See what there is with: tfgen feedback list")
        if found["kind"] == "undo":
            raise UserError(f"'{id}' itself takes something back.", "Say again what was taken back.")
        columns = schema.event.c
        if not again and connection.execute(sql.select(columns.id).where(columns.undoes == id)).first():
            raise UserError(f"'{id}' was taken back before.", "It doesn't count any more.")
        return found["run"], found["digest"], found["session"]

    def _insert(self, connection: sql.Connection, table: sql.Table, rows: list[dict[str, Any]]) -> None:
        insert = (sqlite if self.engine.dialect.name == "sqlite" else postgresql).insert(table)
        connection.execute(insert.on_conflict_do_nothing(), rows)

    def _ids(self, connection: sql.Connection, rows: list[dict[str, Any]]) -> list[str]:
        """The ids under which events are kept: of one that was sent before, the first one's."""
        keys = [row["key"] for row in rows if row["key"]]
        columns, kept = schema.event.c, {}
        for part in _parts(keys):
            kept.update(connection.execute(sql.select(columns.key, columns.id).where(columns.key.in_(part))).all())
        return [kept.get(row["key"], row["id"]) for row in rows]

    def forget(self, who: str) -> int:
        """Deletes what one person said, for good, and gives how many events that was. There is no other deletion than
        this and `forget_run`; that it happened is kept, without the name.

        Samples that nobody else has seen go with it. What the person took back of others stays taken back.
        """
        columns = schema.event.c
        with self._deleting() as connection:
            own = sql.select(columns.id).where(columns.who == who)
            shown = connection.execute(sql.select(columns.shown).where(columns.who == who)).scalars()
            alone = {each for row in shown for each in json.loads(row)}
            connection.execute(sql.delete(schema.event).where(columns.undoes.in_(own.scalar_subquery())))
            of_others = sql.and_(columns.who == who, columns.kind == "undo")
            count = connection.execute(sql.update(schema.event).where(of_others).values(who="")).rowcount
            count += connection.execute(sql.delete(schema.event).where(columns.who == who)).rowcount
            if alone:
                for row in connection.execute(sql.select(columns.shown)).scalars():
                    alone.difference_update(json.loads(row))
            for part in _parts(list(alone)):
                connection.execute(sql.delete(schema.sample).where(schema.sample.c.id.in_(part)))
            if count:
                connection.execute(sql.insert(schema.forgotten).values(at=_now(), events=count))
        return count

    def forget_run(self, name: str | None, digest: str) -> tuple[int, int]:
        """Deletes the samples of a run, by its name or by its weights, and what people said of them, for good; how many
        samples and events that was."""
        columns, of_samples = schema.event.c, schema.sample.c
        events_of, samples_of = (sql.or_(each.run == name, each.digest == digest) for each in (columns, of_samples))
        with self._deleting() as connection:
            of_run = sql.select(columns.id).where(events_of)
            connection.execute(sql.delete(schema.event).where(columns.undoes.in_(of_run.scalar_subquery())))
            events = connection.execute(sql.delete(schema.event).where(events_of)).rowcount
            samples = connection.execute(sql.delete(schema.sample).where(samples_of)).rowcount
            if events:
                connection.execute(sql.insert(schema.forgotten).values(at=_now(), events=events))
        return samples, events

    @contextlib.contextmanager
    def _deleting(self) -> Iterator[sql.Connection]:
        """A transaction in which events and samples can be changed; afterwards nothing of them is left in the file."""
        tables = ("event", "sample")
        with self.writing() as connection:
            for table in tables:
                for statement in self._lift(table):
                    connection.exec_driver_sql(statement)
            yield connection
            for table in tables:
                for statement in self._refuse(table):
                    connection.exec_driver_sql(statement)
        self._wipe()

    def _wipe(self) -> None:
        """What was deleted doesn't stay in the file or its log."""
        if self.engine.dialect.name != "sqlite":
            return
        try:
            with self.reading() as connection:
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("VACUUM")
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
                connection.exec_driver_sql("BEGIN")
        except UserError as error:
            what = "It was deleted, but others keep the store busy, so traces of it are still in the file."
            raise Failure(what, "Say it again when nobody else is at work.") from error

    def _lift(self, table: str) -> list[str]:
        """Statements after which rows of a table can be changed."""
        if self.engine.dialect.name == "sqlite":
            return [f"DROP TRIGGER {table}_no_{verb}" for verb in ("update", "delete")]
        return [f"DROP TRIGGER {table}_kept ON {table}"]

    def _refuse(self, table: str) -> list[str]:
        """Statements after which they can't."""
        sqlite_kind = self.engine.dialect.name == "sqlite"
        return schema.sqlite_triggers(table) if sqlite_kind else [schema.postgresql_trigger(table)]

    def __len__(self) -> int:
        """How many events there are, withdrawn ones too."""
        with self.reading() as connection:
            return connection.execute(sql.select(sql.func.count()).select_from(schema.event)).scalar()

    # Reading.

    def events(
        self,
        run: str | None = None,
        digest: str | None = None,
        either: tuple[str, str] | None = None,
        session: str | None = None,
        who: str | None = None,
        kinds: Sequence[str] = (),
        limit: int | None = None,
        withdrawn: bool = False,
    ) -> list[Event]:
        """Events, oldest first; with a limit, the newest of them. Those that were taken back, and what took them back,
        only with `withdrawn`.

        Args:
            either: a run and a digest, of which one is enough.
        """
        columns = schema.event.c
        wanted = {"run": run, "digest": digest, "session": session, "who": who}
        query = sql.select(schema.event)
        for name, value in wanted.items():
            if value is not None:
                query = query.where(columns[name] == value)
        if either:
            query = query.where(sql.or_(columns.run == either[0], columns.digest == either[1]))
        if kinds:
            query = query.where(columns.kind.in_(list(kinds)))
        if not withdrawn:
            other = schema.event.alias("other")
            undone = sql.exists().where(other.c.undoes == columns.id)
            query = query.where(columns.kind != "undo", ~undone)
        if limit is not None:
            query = query.order_by(columns.number.desc()).limit(limit)
        else:
            query = query.order_by(columns.number)
        with self.reading() as connection:
            rows = connection.execute(query).all()
        return [_event_of(row) for row in (reversed(rows) if limit is not None else rows)]

    def samples(self, ids: Iterable[str]) -> dict[str, Sample]:
        """The samples of these ids that are known."""
        with self.reading() as connection:
            return _samples(connection, ids)

    def find_sample(self, beginning: str) -> str:
        """The id of the sample that begins so. Raises UserError where there is none, or more than one."""
        return self._only(schema.sample.c.id, beginning, "sample")

    def find_event(self, beginning: str) -> str:
        """The id of the event that begins so. Raises UserError where there is none, or more than one."""
        return self._only(schema.event.c.id, beginning, "feedback")

    def _only(self, column: Any, beginning: str, what: str) -> str:
        begins = column.startswith(beginning, autoescape=True)
        if self.engine.dialect.name == "sqlite":
            # As a range, which its index serves; PostgreSQL orders letters by the locale.
            begins = sql.and_(column >= beginning, column < f"{beginning}~")
        with self.reading() as connection:
            found = connection.execute(sql.select(column).where(begins).limit(2)).scalars().all()
        if not beginning or not found:
            raise UserError(f"No {what} '{beginning}' is known.", "See what there is with: tfgen feedback list")
        if len(found) > 1:
            raise UserError(f"More than one {what} begins with '{beginning}'.", "Give more of its letters.")
        return found[0]

    def known_events(self, ids: Iterable[str]) -> dict[str, Event]:
        """The events that have these ids, those that were taken back too."""
        found: dict[str, Event] = {}
        with self.reading() as connection:
            for part in _parts([each for each in ids if each]):
                query = sql.select(schema.event).where(schema.event.c.id.in_(part))
                found.update((row.id, _event_of(row)) for row in connection.execute(query))
        return found

    def counts(self, run: str | None = None) -> dict[tuple[str, str], int]:
        """How many events there are that were not taken back, by kind and person."""
        columns = schema.event.c
        query = sql.select(columns.kind, columns.who, sql.func.count()).group_by(columns.kind, columns.who)
        if run is not None:
            query = query.where(columns.run == run)
        gone = query.where(columns.id.in_(sql.select(columns.undoes).where(columns.undoes.is_not(None))))
        with self.reading() as connection:
            counts = {(kind, who): count for kind, who, count in connection.execute(query)}
            for kind, who, count in connection.execute(gone):
                counts[kind, who] -= count
        return {key: count for key, count in counts.items() if count and key[0] != "undo"}

    def runs(self) -> list[str]:
        """The names of the runs that something was said of."""
        with self.reading() as connection:
            return [name for name in connection.execute(sql.select(schema.event.c.run).distinct()).scalars() if name]

    # Connections.

    @contextlib.contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """A transaction that is on the disk when the block has ended, or never happened."""
        with self._told(), self.engine.connect().execution_options(tfgen_writes=True) as connection:
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        with self._told(), self.engine.connect() as connection:
            yield connection

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turns a database's errors into sentences."""
        try:
            yield
        except sql.exc.DBAPIError as error:
            raise _told(error, self.place) from error


def has_store() -> bool:
    """Whether there is a usual store; `open_store` makes one where there is none."""
    return bool(os.environ.get("TFGEN_STORE")) or (runs_folder() / "feedback.db").exists()


def open_store(url: str | None = None) -> Store:
    """The store at a URL (sqlite:///PATH, postgresql://...) or a path; by default $TFGEN_STORE, else feedback.db among
    the runs. Its tables are made where it is new, and brought up to date where it is old.

    Raises:
        UserError: it can't be reached, belongs to something else, or is from a newer tfgen.
    """
    url = url or os.environ.get("TFGEN_STORE") or str(runs_folder() / "feedback.db")
    try:
        parsed = sql.make_url(url) if "://" in url else sql.URL.create("sqlite", database=str(Path(url).absolute()))
    except sql.exc.ArgumentError as error:
        raise UserError(f"'{url}' is no store.", "Give a path, or a URL such as postgresql://HOST/NAME.") from error
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise UserError(f"'{url}' would keep nothing.", "Name a file, such as feedback.db.")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise UserError(f"A store can't be in {parsed.get_backend_name()}.", "Use SQLite (a path) or PostgreSQL.")
    place = parsed.database if parsed.get_backend_name() == "sqlite" else parsed.render_as_string(hide_password=True)
    store = Store(_engine(parsed), place or "")
    try:
        _bring_up_to_date(store)
    except BaseException:
        store.close()
        raise
    return store


def _engine(url: sql.URL) -> sql.Engine:
    if url.get_backend_name() == "postgresql":
        try:
            import psycopg  # noqa: F401
        except ImportError:
            raise UserError("PostgreSQL needs psycopg.", "Install it: pip install 'tfgen[postgres]'") from None
        return sql.create_engine(url.set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": 10})
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sql.create_engine(url, connect_args={"timeout": _WAIT})

    @sql.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # else the driver begins transactions where it likes
        _write_ahead(connection)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sql.event.listens_for(engine, "begin")
    def begin(connection: sql.Connection) -> None:
        # A writer that begins as a reader would fail where another has written since, and not wait.
        writes = connection.get_execution_options().get("tfgen_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Sets the journal's mode. SQLite doesn't always wait for others here, whatever the connection's timeout is, so of
    several that open a new file at once some would be refused."""
    deadline = time.monotonic() + _WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _bring_up_to_date(store: Store) -> None:
    with store.reading() as connection:
        tables = set(sql.inspect(connection).get_table_names())
        state = _revision(connection, tables)
    if state == schema.HEAD:
        return
    if state is None and tables:
        what = f"The database '{store.place}' holds something else than tfgen's feedback."
        raise UserError(what, "Name another with TFGEN_STORE.")
    # Only here, since it takes a while to import.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    steps = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if state is not None and state not in steps:
        raise UserError(f"The store '{store.place}' was made by a newer tfgen.", "Update tfgen to use it.")
    with store.writing() as connection:
        if store.engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")  # does nothing where another process was quicker


def _revision(connection: sql.Connection, tables: set[str]) -> str | None:
    if "alembic_version" not in tables or "event" not in tables:
        return None
    return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()


def _told(error: sql.exc.DBAPIError, place: str) -> UserError:
    words = str(error.orig).strip().split("\n")[0]
    if "not a database" in words:
        return Failure(f"'{place}' is no store of feedback.", "Name another file with TFGEN_STORE.")
    if "malformed" in words or "disk image" in words:
        return Failure(
            f"The store '{place}' is damaged: {words}.",
            f"Save what can be read: sqlite3 '{place}' .recover | sqlite3 saved.db, and name that with TFGEN_STORE.",
        )
    if "locked" in words:
        return Failure(f"Others keep the store '{place}' busy.", "Nothing was written; try again.")
    if "unable to open" in words or "readonly" in words:
        return UserError(f"The store '{place}' can't be written.", "Mend its folder, or name another with TFGEN_STORE.")
    if "never changed" in words:
        return UserError("What was said is never changed.", "Take it back instead: tfgen feedback undo ID")
    if isinstance(error, sql.exc.OperationalError):
        return UserError(f"The store '{place}' can't be reached: {words}.", "Check its address and that it runs.")
    return Failure(f"The store '{place}' failed: {words}.", "Nothing was written.")


def _samples(connection: sql.Connection, ids: Iterable[str]) -> dict[str, Sample]:
    found: dict[str, Sample] = {}
    for part in _parts(list(ids)):
        for row in connection.execute(sql.select(schema.sample).where(schema.sample.c.id.in_(part))):
            found[row.id] = Sample(
                row.run,
                row.digest,
                row.version,
                row.prompt,
                row.prompt_version,
                row.seed,
                tuple(json.loads(row.latents or "[]")),
                json.loads(row.settings),
                row.content,
            )
    return found


def _sample_row(sample: Sample) -> dict[str, Any]:
    return {
        "id": sample.id,
        "run": sample.run,
        "digest": sample.digest,
        "version": sample.version,
        "prompt": sample.prompt,
        "prompt_version": sample.prompt_version,
        "seed": sample.seed,
        "latents": json.dumps(list(sample.latents)) if sample.latents else None,
        "settings": json.dumps(dict(sample.settings), sort_keys=True),
        "content": sample.content,
    }


def _event_of(row: Any) -> Event:
    shown, payload = tuple(json.loads(row.shown)), json.loads(row.payload)
    return Event(row.kind, shown, payload, row.who, row.session, row.id, row.at, row.key or "")


def _parts(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _ASKED_AT_ONCE):
        yield values[start : start + _ASKED_AT_ONCE]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
