"""What Alembic runs: the steps, on the connection that the store has opened, in its transaction."""

from alembic import context

from tfgen.feedback.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
