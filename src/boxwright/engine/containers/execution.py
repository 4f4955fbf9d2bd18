"""``exec`` and ``top``."""

from __future__ import annotations
