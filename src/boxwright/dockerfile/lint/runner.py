"""Asks the rules."""

from __future__ import annotations

from boxwright.dockerfile.directives import Check
from boxwright.dockerfile.lint.rule import LintWarning, Rule, Subject
from boxwright.dockerfile.lint.rules import RULES


def lint(subject: Subject, check: Check, *, asked: bool = False) -> tuple[LintWarning, ...]:
    """Return the warnings that a Dockerfile deserves and `check` does not switch off, from top to bottom.

    `asked` is for whoever wants a check and no build: rules that are not sure enough to disturb a build speak up, too.
    """
    wanted = [rule for rule in RULES if _is_on(rule, check, asked=asked)]
    found = {
        LintWarning(rule.name, finding.message, finding.span, finding.mark): None
        for rule in wanted
        for finding in rule.find(subject)
    }
    return tuple(sorted(found, key=lambda warning: (warning.span.first, warning.rule)))


def _is_on(rule: Rule, check: Check, *, asked: bool) -> bool:
    name = rule.name.lower()
    if check.skip_all or name in check.skip:
        return False
    if rule.experimental:
        return check.experimental_all or name in check.experimental
    return asked or rule.in_builds
