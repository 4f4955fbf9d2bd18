"""``--ulimit`` as it is typed."""

from __future__ import annotations

from boxwright.errors import InvalidError
from boxwright.runtime.options import Ulimit


def ulimit(text: str) -> Ulimit:
    """Return the limit of ``name=soft`` or ``name=soft:hard``. Raises InvalidError."""
    name, equals, value = text.partition("=")
    soft, colon, hard = value.partition(":")
    try:
        limit = Ulimit(name, int(soft), int(hard) if colon else int(soft))
    except ValueError:
        equals = ""
    if not equals:
        raise InvalidError(f"invalid ulimit {text!r}", hint="a limit looks like nofile=1024:2048")
    import resource

    if not hasattr(resource, f"RLIMIT_{name.upper()}"):
        raise InvalidError(f"unknown ulimit {name!r}", hint="such as nofile, nproc, core, memlock")
    if limit.hard != -1 and (limit.soft > limit.hard or limit.soft == -1):
        raise InvalidError(f"invalid ulimit {text!r}: the soft limit is above the hard one")
    return limit
