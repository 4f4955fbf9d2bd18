"""boxwright builds, runs and shares container images: one package, no daemon.

`Engine` is the Python API, one method a use-case. `Build` and `CreateContainer` say what is wanted; `Image` describes
an image as a Dockerfile would, with `Mount` and `Expand`. Every error is a `BoxwrightError`. The command line is a thin
layer over these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boxwright._version import __version__

if TYPE_CHECKING:
    from boxwright.dockerfile.quoting import Expand
    from boxwright.engine.described.image import Image
    from boxwright.engine.described.mount import Mount
    from boxwright.engine.engine import Engine
    from boxwright.engine.requests import CreateContainer
    from boxwright.engine.settings import Settings
    from boxwright.engine.wanted import Build
    from boxwright.errors import BoxwrightError

__all__ = [
    "BoxwrightError",
    "Build",
    "CreateContainer",
    "Engine",
    "Expand",
    "Image",
    "Mount",
    "Settings",
    "__version__",
]

# Importing the package must stay free, since every start of the command passes here: a name is fetched on use.
_HOMES = {
    "BoxwrightError": "boxwright.errors",
    "Build": "boxwright.engine.wanted",
    "CreateContainer": "boxwright.engine.requests",
    "Engine": "boxwright.engine.engine",
    "Expand": "boxwright.dockerfile.quoting",
    "Image": "boxwright.engine.described.image",
    "Mount": "boxwright.engine.described.mount",
    "Settings": "boxwright.engine.settings",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)
