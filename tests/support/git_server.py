"""A web server on loopback for git repositories: with git's own protocol, or as files that any web server has."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from support.requirements import require_peer

_ENV = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
}
COMMITTED = 1_600_000_000
"""When everything was committed, in seconds since the epoch."""


def git(directory: Path, *arguments: str) -> str:
    """Run git for somebody who works in `directory`; return what it prints."""
    date = f"{COMMITTED} +0000"
    env = {**os.environ, **_ENV, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    argv = [require_peer("git"), "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(argv, cwd=directory, env=env, check=True, capture_output=True, text=True).stdout.strip()


def make_repository(directory: Path, files: dict[str, str]) -> str:
    """Make a repository with one commit on its branch ``main``; return the commit."""
    directory.mkdir(parents=True)
    git(directory, "init", "--quiet", "--initial-branch=main")
    return commit(directory, files)


def commit(directory: Path, files: dict[str, str], message: str = "as it is") -> str:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(directory, "rev-parse", "HEAD")


class GitServer(ThreadingHTTPServer):
    """Serves ``/NAME.git`` of `root` with git's protocol, and below ``/plain`` as files."""

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.authorization: str | None = None
        """What must be in a request's Authorization header."""
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def publish(self, directory: Path, name: str) -> str:
        """Serve a repository as it is now; return its URL."""
        bare = self.root / f"{name}.git"
        if bare.exists():
            git(bare, "fetch", "--quiet", "--force", "--prune", str(directory), "+refs/*:refs/*")
        else:
            git(self.root, "clone", "--quiet", "--mirror", str(directory), str(bare))
        git(bare, "update-server-info")
        return f"{self.url}/{name}.git"


class _Handler(BaseHTTPRequestHandler):
    server: GitServer

    def do_GET(self) -> None:
        self.server.requests.append(self.path)
        if self.server.authorization and self.headers["Authorization"] != self.server.authorization:
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path.startswith("/plain/"):
            self._file(self.server.root / self.path.removeprefix("/plain/").partition("?")[0])
        else:
            self._backend()

    do_POST = do_GET

    def _file(self, path: Path) -> None:
        content = path.read_bytes() if path.is_file() else None
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def _backend(self) -> None:
        path, _, query = self.path.partition("?")
        env = {
            **os.environ,
            **_ENV,
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
        }
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        done = subprocess.run([require_peer("git"), "http-backend"], input=body, env=env, capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [line.partition(": ") for line in head.decode().splitlines()]
        status = next((value for name, _, value in headers if name == "Status"), "200")
        self.send_response(int(status.split()[0]))
        for name, _, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def git_server(root: Path) -> Iterator[GitServer]:
    """Serve the repositories in `root`, which is made, until the block ends."""
    root.mkdir()
    with GitServer(root) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
