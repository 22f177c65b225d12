"""The first tables. Written out by Alembic from the schema as it was, so that later changes of it don't reach here."""

import sqlalchemy as sql
from alembic import op

from tfgen.feedback.schema import triggers

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "sample",
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
    op.create_table(
        "event",
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
    )
    op.create_index("event_run", "event", ["run", "kind", "who"])
    op.create_index("event_order", "event", ["run", "number"])
    op.create_index("event_digest", "event", ["digest", "number"])
    op.create_index("event_session", "event", ["session", "number"])
    op.create_index("event_undoes", "event", ["undoes"])
    op.create_table(
        "forgotten",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("at", sql.String(32), nullable=False),
        sql.Column("events", sql.Integer, nullable=False),
    )
    op.create_table(
        "prompt",
        sql.Column("name", sql.String(128), primary_key=True),
        sql.Column("created", sql.String(32), nullable=False),
    )
    op.create_table(
        "prompt_version",
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
    op.create_table(
        "prompt_alias_event",
        sql.Column("id", sql.Integer, primary_key=True),
        sql.Column("name", sql.String(128), sql.ForeignKey("prompt.name"), nullable=False),
        sql.Column("alias", sql.String(128), nullable=False),
        sql.Column("number", sql.Integer, nullable=False),
        sql.Column("at", sql.String(32), nullable=False),
    )
    op.create_index("prompt_alias", "prompt_alias_event", ["name", "alias"])
    for statement in triggers(op.get_bind().dialect.name):
        op.execute(statement)
