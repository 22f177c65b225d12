"""The tables of the store. A row is never changed or deleted, which triggers see to; what a person takes back is a new
row. Changes of the tables go into migrations/versions, and HEAD names the newest.
"""

import sqlalchemy as sql

HEAD = "0001"

metadata = sql.MetaData()

# One output of a run, named by a hash of what made it; see tfgen.feedback.events.Sample.
sample = sql.Table(
    "sample",
    metadata,
    sql.Column("id", sql.String(32), primary_key=True),
    sql.Column("run", sql.Text, nullable=False),
    sql.Column("digest", sql.String(64), nullable=False),
    sql.Column("version", sql.Text, nullable=False),
    sql.Column("prompt", sql.Text, nullable=False),
    sql.Column("prompt_version", sql.Text, nullable=False),
    sql.Column("seed", sql.BigInteger),
    sql.Column("latents", sql.Text),
    sql.Column("settings", sql.Text, nullable=False),
    sql.Column("content", sql.Text),
)

# One thing that a person said; see tfgen.feedback.events.Event. `number` is the order in which they came.
event = sql.Table(
    "event",
    metadata,
    sql.Column("number", sql.BigInteger().with_variant(sql.Integer, "sqlite"), primary_key=True),
    sql.Column("id", sql.String(26), nullable=False, unique=True),
    sql.Column("at", sql.String(32), nullable=False),
    sql.Column("who", sql.Text, nullable=False),
    sql.Column("session", sql.Text, nullable=False),
    sql.Column("kind", sql.String(16), nullable=False),
    sql.Column("run", sql.Text, nullable=False),
    sql.Column("digest", sql.String(64), nullable=False),
    sql.Column("shown", sql.Text, nullable=False),
    sql.Column("payload", sql.Text, nullable=False),
    sql.Column("undoes", sql.String(26)),
    sql.Column("key", sql.Text, unique=True),
    sql.Index("event_run", "run", "kind", "who"),
    sql.Index("event_order", "run", "number"),
    sql.Index("event_digest", "digest", "number"),
    sql.Index("event_session", "session", "number"),
    sql.Index("event_undoes", "undoes"),
)

# How often `feedback forget` deleted what one person had said, without the name.
forgotten = sql.Table(
    "forgotten",
    metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("at", sql.String(32), nullable=False),
    sql.Column("events", sql.Integer, nullable=False),
)

prompt = sql.Table(
    "prompt",
    metadata,
    sql.Column("name", sql.String(128), primary_key=True),
    sql.Column("created", sql.String(32), nullable=False),
)

prompt_version = sql.Table(
    "prompt_version",
    metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("name", sql.String(128), sql.ForeignKey("prompt.name"), nullable=False),
    sql.Column("number", sql.Integer, nullable=False),
    sql.Column("content_hash", sql.String(64), nullable=False),
    sql.Column("text", sql.Text, nullable=False),
    sql.Column("settings", sql.Text, nullable=False),
    sql.Column("parent", sql.Integer),
    sql.Column("message", sql.Text, nullable=False),
    sql.Column("evidence", sql.Text),
    sql.Column("at", sql.String(32), nullable=False),
    sql.UniqueConstraint("name", "number"),
)

# An alias is where its newest event says; number 0 removes it.
prompt_alias_event = sql.Table(
    "prompt_alias_event",
    metadata,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("name", sql.String(128), sql.ForeignKey("prompt.name"), nullable=False),
    sql.Column("alias", sql.String(128), nullable=False),
    sql.Column("number", sql.Integer, nullable=False),
    sql.Column("at", sql.String(32), nullable=False),
    sql.Index("prompt_alias", "name", "alias"),
)

_KEPT = ("sample", "event", "forgotten", "prompt", "prompt_version", "prompt_alias_event")


def triggers(dialect: str) -> list[str]:
    """Statements after which every table refuses UPDATE and DELETE."""
    if dialect == "sqlite":
        return [statement for table in _KEPT for statement in sqlite_triggers(table)]
    function = (
        "CREATE OR REPLACE FUNCTION tfgen_refuse() RETURNS trigger AS $$ BEGIN "
        "RAISE EXCEPTION 'rows are never changed'; END; $$ LANGUAGE plpgsql"
    )
    return [function, *(postgresql_trigger(table) for table in _KEPT)]


def sqlite_triggers(table: str) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'rows are never changed'); END"
        for verb in ("update", "delete")
    ]


def postgresql_trigger(table: str) -> str:
    return (
        f"CREATE TRIGGER {table}_kept BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION tfgen_refuse()"
    )
