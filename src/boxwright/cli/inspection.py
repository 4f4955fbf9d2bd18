"""What the commands called ``inspect`` share: everything about several things, as JSON or through a template."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from boxwright.cli.session import Session
from boxwright.errors import NotFoundError


def show(
    session: Session, names: Sequence[str], form: str | None, *, kind: str | None = None, size: bool = False
) -> int:
    """Print what is known of `names`, then say which of them there are none of; return the exit code.

    `form` is what ``--format`` said, `kind` as for `Engine.inspect`. Raises TemplateError.
    """
    template = None
    if form and form != "json":
        from boxwright.cli.template import Template

        template = Template(form)
    found: list[dict[str, Any]] = []
    missing: list[NotFoundError] = []
    for name in names:
        try:
            value = session.engine.inspect(name, kind=kind, size=size)
        except NotFoundError as error:
            missing.append(error)
            continue
        if template:
            print(template.render(value))
        found.append(value)
    if not template:
        indent = None if form == "json" else 4
        sys.stdout.write(json.dumps(found, indent=indent, ensure_ascii=False) + "\n")
    if missing:
        from boxwright.cli.report import report

        for each in missing:
            report(each)
    return int(bool(missing))
