"""boxwright builds, runs and shares container images: one package, no daemon.

``from boxwright import Engine`` is the Python API; the command line is a thin layer over it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boxwright._version import __version__

if TYPE_CHECKING:
    from boxwright.engine import Engine

__all__ = ["Engine", "__version__"]


def __getattr__(name: str) -> object:
    # Importing the package must stay free: every start of the command passes here.
    if name == "Engine":
        from boxwright.engine import Engine

        return Engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
