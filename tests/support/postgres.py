"""A PostgreSQL server of the tests' own: in a temporary folder, reached over a socket in it, gone at the end."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.requirements import missing

_START_SECONDS = 60.0


class PostgresServer:
    """A running server. Durability is off: a test that kills something kills ours."""

    def __init__(self, programs: Path, root: Path) -> None:
        self._root = root
        self._numbers = itertools.count(1)
        self._template: str | None = None
        # It refuses to run as root.
        account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if account is not None:
            os.chown(root, account.pw_uid, account.pw_gid)
        user = account.pw_uid if account is not None else None
        group = account.pw_gid if account is not None else None
        environment = {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
        data = root / "data"
        command = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        made = subprocess.run(
            command, user=user, group=group, cwd=root, env=environment, capture_output=True, check=False
        )
        if made.returncode:
            raise RuntimeError(made.stderr.decode())
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(root),
            "max_connections": "200",
            "shared_buffers": "32MB",
            "fsync": "off",
            "full_page_writes": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with open(root / "log", "wb") as log:
            self._process = subprocess.Popen(
                [programs / "postgres", "-D", data, *options],
                user=user,
                group=group,
                cwd=root,
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._wait()

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://postgres@/{name}?host={self._root}"

    def execute(self, statement: str) -> None:
        """Run one statement in the server's own database, outside of any transaction."""
        import psycopg

        with psycopg.connect(f"host={self._root} user=postgres dbname=postgres", autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """A new database for the block, with the hub's tables unless it is to be `empty`; yields its URL."""
        name = f"test{next(self._numbers)}"
        template = "template1" if empty else self._make_template()
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _make_template(self) -> str:
        """Migrate once; a copy takes a tenth of the time."""
        from boxwright.hub.db.database import Database

        if self._template is None:
            self.execute("CREATE DATABASE prepared")
            Database(self.url("prepared")).close()
            self._template = "prepared"
        return self._template

    def _wait(self) -> None:
        import psycopg

        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.execute("SELECT 1")
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self._root / "log").read_text()) from None
                time.sleep(0.05)

    def close(self) -> None:
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()


def find_programs() -> Path | None:
    """Return the folder of the server's programs, which Debian keeps out of PATH."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A server for the block, or the end of the test for want of it."""
    programs = find_programs()
    if programs is None:
        missing("postgresql is not installed")
    # Short, since the path of a socket has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(programs, Path(folder))
        try:
            yield server
        finally:
            server.close()
