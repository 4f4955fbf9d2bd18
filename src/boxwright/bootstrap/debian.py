"""A minimal Debian, made by mmdebstrap from the host's own package sources."""

from __future__ import annotations

import email.utils
import re
import tempfile

from boxwright.bootstrap import apt
from boxwright.bootstrap.base import BaseImage
from boxwright.errors import InvalidError, UnavailableError
from boxwright.host import clock, process
from boxwright.host.paths import Path
from boxwright.oci.config import RunConfig

_SUITE = re.compile(r"[a-z][a-z0-9-]*")
_APT_HELPER = "/usr/lib/apt/apt-helper"
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_SECONDS = 1800

# Debian assumes a machine; these tell it that it is in a container: file → (where, content, mode).
_IN_A_CONTAINER = {
    "container.conf": (
        "/etc/apt/apt.conf.d/90container",
        "// Nothing that apt can fetch again stays in a layer.\n"
        'Binary::apt::APT::Keep-Downloaded-Packages "false";\n'
        'APT::Keep-Downloaded-Packages "false";\n'
        'Dir::Cache::pkgcache "";\n'
        'Dir::Cache::srcpkgcache "";\n'
        'Acquire::Languages "none";\n',
        "644",
    ),
    "container.cfg": (
        "/etc/dpkg/dpkg.cfg.d/container",
        "# A layer that is torn by a crash is built again: waiting for the disk after each file buys nothing.\n"
        "force-unsafe-io\n",
        "644",
    ),
}


class BootstrapFailed(UnavailableError):
    """mmdebstrap did not succeed."""

    def __init__(self, suite: str, output: str) -> None:
        lines = [line for line in output.splitlines() if line.strip()]
        super().__init__(
            f"mmdebstrap could not make debian:{suite}",
            detail=lines[-12:],
            hint="check that apt-get update works on this host",
        )


def bootstrap(suite: str, workdir: Path) -> BaseImage:
    """Make a minbase Debian of `suite` in `workdir`.

    The image carries the sources, proxies and certificates of the host, so that apt works in it as it does here.
    Its bytes depend on the packages alone: the clock inside is the date of the newest Release file. Raises
    BootstrapFailed, NoAptSources, InvalidError for a name that is no suite.
    """
    if not _SUITE.fullmatch(suite):
        raise InvalidError(f"invalid suite {suite!r}", hint="a suite is a name such as bookworm or trixie")
    mmdebstrap = process.require("mmdebstrap")
    sources = apt.host_sources(suite)
    epoch = release_date(sources)
    tar = workdir / "rootfs.tar"
    listing = workdir / "sources.list"
    listing.write_text("".join(source.line() + "\n" for source in sources))
    argv = [mmdebstrap, "--variant=minbase", "--format=tar", "--mode=auto", "--quiet"]
    argv += [f"--aptopt={option}" for option in apt.carried_options()]
    if Path(_KEYRING).exists():
        argv.append(f"--keyring={_KEYRING}")
    authorities = apt.certificates()
    if authorities:
        argv.append('--customize-hook=mkdir -p "$1/usr/local/share/ca-certificates"')
        names = " ".join(_quoted(str(path)) for path in authorities)
        argv.append(f"--customize-hook=copy-in {names} /usr/local/share/ca-certificates")
    for name, (target, content, mode) in _IN_A_CONTAINER.items():
        (workdir / name).write_text(content)
        argv.append(f"--customize-hook=upload {_quoted(str(workdir / name))} {target}")
        argv.append(f'--customize-hook=chmod {mode} "$1{target}"')
    # With the configuration above apt doesn't know these any more, so its own clean-up leaves them.
    argv.append('--customize-hook=rm -f "$1"/var/cache/apt/*.bin')
    # The host's resolver and name are not part of the image: a container gets its own.
    argv.append('--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"')
    argv += [suite, str(tar), str(listing)]
    done = process.run(argv, env=_environment(epoch), timeout=_SECONDS, check=False)
    if done.returncode:
        raise BootstrapFailed(suite, done.stderr.decode(errors="replace"))
    day = clock.rfc3339(epoch)[:10]
    tags = (f"debian:{suite}", f"debian:{suite}-{day.replace('-', '')}")
    return BaseImage(
        tar=tar,
        config=RunConfig(
            env=("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",),
            cmd=("bash",),
            labels={
                "org.opencontainers.image.created": clock.rfc3339(epoch),
                "org.opencontainers.image.title": "debian",
                "org.opencontainers.image.version": suite,
            },
        ),
        created=clock.rfc3339(epoch),
        comment=f"debian {suite} minbase, packages of {day}",
        tags=tags,
    )


def host_suite() -> str:
    """Return the suite that the host itself runs; ``stable`` when it is no Debian."""
    try:
        text = Path("/etc/os-release").read_text()
    except OSError:
        return "stable"
    facts = dict(line.partition("=")[::2] for line in text.splitlines())
    codename = facts.get("VERSION_CODENAME", "").strip('"')
    return codename if facts.get("ID", "").strip('"') == "debian" and codename else "stable"


def release_date(sources: list[apt.Source]) -> int:
    """Return the seconds since the epoch of the newest Release file of `sources`.

    apt-helper fetches them, since it knows the host's proxies and certificates. Raises BootstrapFailed when none is
    reachable: then no package would be either.
    """
    newest = 0
    problem = ""
    with tempfile.TemporaryDirectory(prefix="boxwright-release-") as folder:
        for number, source in enumerate(sources):
            target = Path(folder) / str(number)
            url = f"{source.uri.rstrip('/')}/dists/{source.suite}/InRelease"
            done = process.run([_APT_HELPER, "download-file", url, str(target)], timeout=120, check=False)
            if done.returncode:
                problem = (done.stderr or done.stdout).decode(errors="replace")
                continue
            match = re.search(r"^Date: (.+)$", target.read_text(errors="replace"), re.MULTILINE)
            if match:
                newest = max(newest, int(email.utils.parsedate_to_datetime(match[1].strip()).timestamp()))
    if not newest:
        raise BootstrapFailed(sources[0].suite, problem)
    return newest


def _environment(epoch: int) -> dict[str, str]:
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "SOURCE_DATE_EPOCH": str(epoch),
        "LC_ALL": "C.UTF-8",
        "HOME": "/root",
    }


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
