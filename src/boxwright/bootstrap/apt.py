"""The host's own apt configuration, so far as another root file system needs it."""

from __future__ import annotations

import glob
import re

from boxwright.errors import NotFoundError
from boxwright.host import process
from boxwright.host.paths import Path, StrPath
from boxwright.values import NamedTuple

_ETC = Path("/etc/apt")
# What decides how packages are reached. Everything else in the host's configuration is about the host.
_CARRIED = re.compile(
    r"Acquire::(?:(?:https?|ftp)::(?:Proxy|CaInfo|Verify-Peer|Verify-Host)|Check-Date|Check-Valid-Until|Retries"
    r"|ForceIPv4)(?:::[^ ]+)? .*"
)
_POCKETS = ("", "-updates", "-security")


class NoAptSources(NotFoundError):
    """The host has no Debian package source to bootstrap from."""

    def __init__(self) -> None:
        super().__init__(
            "no Debian package source is configured on this host",
            hint="add one to /etc/apt/sources.list.d, such as: deb http://MIRROR/debian bookworm main",
        )


class Source(NamedTuple):
    """One archive of packages: a ``deb`` line."""

    uri: str
    suite: str
    components: tuple[str, ...]
    options: tuple[tuple[str, str], ...] = ()

    def line(self) -> str:
        """Return the one-line form of sources.list(5)."""
        options = " ".join(f"{name}={value}" for name, value in self.options)
        brackets = f"[{options}] " if options else ""
        return f"deb {brackets}{self.uri} {self.suite} {' '.join(self.components)}"


def host_sources(suite: str, etc: StrPath = _ETC) -> list[Source]:
    """Return the host's sources of a Debian suite and its updates and security pockets.

    When the host follows another suite, its mirrors are asked for this one. Raises NoAptSources.
    """
    sources = _read_all(Path(etc))
    wanted = [source for source in sources if source.suite in {suite + pocket for pocket in _POCKETS}]
    if wanted:
        return wanted
    own = _host_suite(sources)
    if own is None:
        raise NoAptSources
    return [
        source._replace(suite=suite + source.suite.removeprefix(own))
        for source in sources
        if source.suite in {own + pocket for pocket in _POCKETS}
    ]


def _host_suite(sources: list[Source]) -> str | None:
    """Return the suite whose security pocket the host follows, else the first of an archive called debian."""
    for source in sources:
        if source.suite.endswith("-security"):
            return source.suite.removesuffix("-security")
    return next((s.suite for s in sources if s.uri.rstrip("/").endswith("/debian") and "main" in s.components), None)


def _read_all(etc: Path) -> list[Source]:
    sources: list[Source] = []
    files = [etc / "sources.list", *(Path(name) for name in sorted(glob.glob(etc / "sources.list.d" / "*")))]
    for path in files:
        if path.suffix not in (".list", ".sources") or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        sources += parse_deb822(text) if path.suffix == ".sources" else parse_lines(text)
    seen: dict[tuple[str, str], Source] = {}
    for source in sources:
        seen.setdefault((source.uri.rstrip("/"), source.suite), source)
    return list(seen.values())


def parse_lines(text: str) -> list[Source]:
    """Parse the one-line format of sources.list(5); ``deb-src`` and malformed lines are passed over."""
    sources = []
    for line in text.splitlines():
        match = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^\s#]+)*)", line)
        if match:
            options = tuple((name, value) for name, _, value in (o.partition("=") for o in (match[1] or "").split()))
            sources.append(Source(match[2], match[3], tuple(match[4].split()), options))
    return sources


def parse_deb822(text: str) -> list[Source]:
    """Parse the deb822 format of sources.list(5); disabled stanzas and ``deb-src`` are passed over."""
    sources = []
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        name = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace() and name:
                fields[name] += "\n" + line.strip()
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false", "0") or "deb" not in fields.get("types", "").split():
            continue
        options: tuple[tuple[str, str], ...] = ()
        signed_by = fields.get("signed-by", "")
        if signed_by.startswith("/"):  # a key written out in the stanza has no one-line form: apt's own keyring serves
            options = (("signed-by", ",".join(signed_by.split())),)
        components = tuple(fields.get("components", "").split())
        for uri in fields.get("uris", "").split():
            sources += [Source(uri, suite, components, options) for suite in fields.get("suites", "").split()]
    return sources


def carried_options() -> list[str]:
    """Return the apt.conf lines (proxies, certificates, date checks) that reaching these sources takes."""
    dump = process.run(["apt-config", "dump", "--no-empty", "Acquire"]).stdout.decode(errors="replace")
    return [line for line in dump.splitlines() if _CARRIED.fullmatch(line)]


def certificates() -> list[Path]:
    """Return the certificate authorities that the host's administrator added."""
    return [Path(name) for name in sorted(glob.glob("/usr/local/share/ca-certificates/**/*.crt", recursive=True))]
