"""An image of the registry: this very boxwright, with the Python that runs it, and nothing else.

The interpreter, its standard library and the installed packages are copied from the host, so it takes no network,
a second or two, and always fits: an extension module never meets another Python than its own.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
import sysconfig

from boxwright._version import __version__
from boxwright.bootstrap.base import BaseImage
from boxwright.bootstrap.rootfs import RootFs
from boxwright.errors import UnavailableError
from boxwright.host import clock, process
from boxwright.host.paths import Path
from boxwright.oci.config import RunConfig

_PREFIX = "usr/local"
# Parts of the standard library that a server never imports.
_LEFT_OUT = frozenset(
    {
        *("test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip", "pydoc_data", "venv"),
        *("site-packages", "dist-packages", "__pycache__"),
    }
)
_LEFT_OUT_SUFFIXES = (".a", ".pyc", ".exe")


class MissingPackage(UnavailableError):
    """A package that the registry needs isn't installed beside boxwright."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the registry needs the Python package {name}", hint="pip install 'boxwright[hub]'")
        self.name = name


def bootstrap(workdir: Path) -> BaseImage:
    """Make the registry's image in `workdir`. Raises MissingPackage without the ``hub`` extra."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    epoch = int((Path(__file__).parent.parent / "__init__.py").stat().st_mtime)
    tree = RootFs(epoch)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    interpreter = Path(os.path.realpath(sys.executable))
    tree.file(f"{_PREFIX}/bin/{version}", interpreter, 0o755)
    tree.symlink(f"{_PREFIX}/bin/python3", version)
    binaries = [interpreter]
    binaries += _copy_tree(tree, stdlib, f"{_PREFIX}/lib/{version}", left_out=_LEFT_OUT)
    site = f"{_PREFIX}/lib/{version}/site-packages"
    # Debian's Python looks for packages in dist-packages, every other one in site-packages.
    tree.symlink(f"{_PREFIX}/lib/{version}/dist-packages", "site-packages")
    package = Path(__file__).parent.parent
    binaries += _copy_tree(tree, package, f"{site}/boxwright", left_out=frozenset({"__pycache__"}))
    for name in _requirements():
        binaries += _copy_distribution(tree, name, site)
    for library in _libraries(binaries):
        # The loader and the C library are where every binary expects them; what came with a Python of its own isn't.
        usual = str(library).startswith(("/lib", "/usr/lib"))
        place = str(library) if usual else f"{_PREFIX}/lib/{library.name}"
        tree.file(place, Path(os.path.realpath(library)), 0o755)
    tree.file(f"{_PREFIX}/bin/boxwright", f"#!/{_PREFIX}/bin/python3\n{_SCRIPT}".encode(), 0o755)
    tree.file("etc/passwd", b"root:x:0:0:root:/root:/bin/false\n")
    tree.file("etc/group", b"root:x:0:\n")
    for path in ("dev", "proc", "sys", "root", "var/lib/registry"):
        tree.directory(path)
    tree.directory("tmp", 0o1777)
    tar = workdir / "rootfs.tar"
    with open(tar, "wb") as out:
        tree.write(out)
    created = clock.rfc3339(epoch)
    return BaseImage(
        tar=tar,
        config=RunConfig(
            env=(
                f"PATH=/{_PREFIX}/bin",
                f"LD_LIBRARY_PATH=/{_PREFIX}/lib",
                "PYTHONDONTWRITEBYTECODE=1",
                "PYTHONUNBUFFERED=1",
            ),
            entrypoint=("boxwright", "registry", "serve"),
            cmd=("--addr", "0.0.0.0:5000", "--root", "/var/lib/registry"),
            exposed_ports=("5000/tcp",),
            volumes=("/var/lib/registry",),
            labels={
                "org.opencontainers.image.created": created,
                "org.opencontainers.image.title": "registry",
                "org.opencontainers.image.version": __version__,
            },
            stop_signal="SIGTERM",
        ),
        created=created,
        comment=f"boxwright {__version__} serving a registry",
        tags=("registry:latest", f"registry:{__version__}"),
    )


_SCRIPT = "from boxwright.cli.main import entry\n\nentry()\n"


def _copy_tree(tree: RootFs, source: Path, target: str, *, left_out: frozenset[str]) -> list[Path]:
    """Copy a folder of Python code; return the shared objects in it."""
    binaries: list[Path] = []
    for folder, folders, files in os.walk(source):
        folders[:] = sorted(name for name in folders if name not in left_out)
        relative = os.path.relpath(folder, source)
        for name in sorted(files):
            if name.endswith(_LEFT_OUT_SUFFIXES):
                continue
            path = Path(folder) / name
            tree.copy(path, os.path.normpath(f"{target}/{relative}/{name}"))
            if ".so" in name:
                binaries.append(path)
    return binaries


def _requirements() -> list[str]:
    """Return every distribution that boxwright and its hub need, theirs included."""
    wanted, found = ["boxwright"], list[str]()
    seen = {"boxwright"}
    while wanted:
        name = wanted.pop()
        try:
            requirements = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            raise MissingPackage(name) from None
        if name != "boxwright":
            found.append(name)
        for requirement in requirements:
            text, _, marker = requirement.partition(";")
            if not _applies(marker, name == "boxwright"):
                continue
            needed = re.split(r"[ \[<>=!~(]", text.strip(), maxsplit=1)[0].lower()
            if needed not in seen:
                seen.add(needed)
                wanted.append(needed)
    return sorted(found)


def _applies(marker: str, own: bool) -> bool:
    """Decide a requirement's marker: our ``hub`` extra counts; other extras and older Pythons' backports don't."""
    extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
    if extra:
        return own and extra[1] == "hub"
    older = re.search(r"python_version\s*<\s*['\"](\d+)\.(\d+)['\"]", marker)
    return not older or sys.version_info[:2] < (int(older[1]), int(older[2]))


def _copy_distribution(tree: RootFs, name: str, site: str) -> list[Path]:
    binaries: list[Path] = []
    distribution = importlib.metadata.distribution(name)
    for file in distribution.files or ():
        path = Path(str(distribution.locate_file(file)))
        if ".." in file.parts or file.suffix in _LEFT_OUT_SUFFIXES or not path.is_file():
            continue  # scripts and compiled caches
        tree.copy(path, f"{site}/{file}")
        if ".so" in file.name:
            binaries.append(path)
    return binaries


def _libraries(binaries: list[Path]) -> list[Path]:
    """Return the shared libraries that `binaries` are linked against, the dynamic loader included."""
    found: set[str] = set()
    own = {str(path) for path in binaries}
    listing = process.run(["ldd", *own], check=False).stdout.decode(errors="replace")
    for match in re.finditer(r"^\s+(?:\S+ => )?(/\S+) \(0x", listing, re.MULTILINE):
        found.add(match[1])
    # Bundled libraries (package.libs) are found relative to their users and are already in place.
    return sorted(Path(path) for path in found if os.path.normpath(path) not in own)
