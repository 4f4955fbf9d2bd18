"""The use-cases, one method each, and the one place that wires the parts together: the Python API."""

from __future__ import annotations

from boxwright.engine.engine import Engine

__all__ = ["Engine"]
