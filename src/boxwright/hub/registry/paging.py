"""Long lists in pages: ``?n=100&last=name``, and a Link to the next page (distribution-spec "Listing Tags")."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.registry.routes import Target
from boxwright.values import NamedTuple

MAX_PAGE = 10_000
"""Entries of one page at most, also when nothing was said."""


class Page(NamedTuple):
    """Which part of a list is asked for: at most `limit` entries after `last`."""

    limit: int
    last: str | None

    @classmethod
    def of(cls, target: Target) -> Page:
        """Read the query. Raises RegistryError for a number that is none."""
        text = target.first("n")
        limit = MAX_PAGE
        if text:
            if not (text.isascii() and text.isdigit()):
                raise RegistryError("PAGINATION_NUMBER_INVALID", f"n is not a number: {text[:40]!r}", data={"n": text})
            limit = min(int(text[:9]), MAX_PAGE)
        return cls(limit, target.first("last") or None)


def next_link(path: str, page: Page, last: str, **more: str | None) -> tuple[str, str]:
    """Return the Link header of the page after the entry `last`; `more` are further parameters, None ones left out.

    The reference is relative: whatever proxy is in front keeps its name.
    """
    pairs = [("n", str(page.limit)), ("last", last), *((key, value) for key, value in more.items() if value)]
    return "Link", f'<{quote(path, safe="/:")}?{urlencode(pairs)}>; rel="next"'
