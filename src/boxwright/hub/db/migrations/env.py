"""What alembic runs for each command: the migrations, on the connection and in the transaction that it was given."""

from alembic import context

from boxwright.hub.db.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    # SQLite changes most of a table by copying it.
    render_as_batch=True,
)
context.run_migrations()
