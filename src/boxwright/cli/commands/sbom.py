from __future__ import annotations

import sys
from typing import Any

from boxwright.cli.parsing import Parser, UsageError
from boxwright.cli.session import Session

_TABLE = "table"
_FORMS = {"spdx": "spdx", "spdx-json": "spdx", "cyclonedx": "cyclonedx", "cyclonedx-json": "cyclonedx", _TABLE: _TABLE}


def configure(parser: Parser) -> None:
    parser.description = "Looks through an image's files; nothing of it is run."
    parser.add_argument("--format", metavar="FORMAT", default="spdx", help="spdx (default), cyclonedx or table")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a file instead of the standard output")
    parser.add_argument("image", metavar="IMAGE", help="a name or an ID")


def run(args: Any, session: Session) -> int:
    form = _FORMS.get(args.format)
    if form is None:
        raise UsageError(f"unknown --format {args.format!r}", hint="there are spdx, cyclonedx and table")
    found = session.engine.sbom(args.image, "spdx" if form == _TABLE else form)
    for note in found.inventory.notes:
        sys.stderr.write(f"warning: {note}\n")
    if form == _TABLE:
        import io

        from boxwright.cli import table

        out = io.StringIO()
        rows = [[item.purl().partition("@")[0][4:], item.version, item.found] for item in found.inventory.packages]
        table.write(out, ["PACKAGE", "VERSION", "FOUND IN"], rows)
        data = out.getvalue().encode("utf-8", "replace")
    else:
        data = found.document + b"\n"
    if not args.output:
        sys.stdout.buffer.write(data)
        return 0
    from boxwright.host.durable import write

    write(args.output, data, durable=False)
    return 0
