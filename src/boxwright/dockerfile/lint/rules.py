"""All rules."""

from __future__ import annotations

from boxwright.dockerfile.lint import bases, layers, packages, secrets, settings, shells, spelling, stage_names
from boxwright.dockerfile.lint.rule import Rule

RULES: tuple[Rule, ...] = (
    *stage_names.RULES,
    *bases.RULES,
    *spelling.RULES,
    *settings.RULES,
    *secrets.RULES,
    *layers.RULES,
    *packages.RULES,
    *shells.RULES,
)
