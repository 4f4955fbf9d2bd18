"""The nearest of the names that would have been right."""

from __future__ import annotations

from collections.abc import Iterable


def nearest(wrong: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that a person most likely meant by `wrong`, or None when none is near."""
    import difflib  # only mistakes pay for it

    folded = {name.lower(): name for name in known}
    matches = difflib.get_close_matches(wrong.lower()[:100], folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def did_you_mean(wrong: str, known: Iterable[str], prefix: str = "") -> str:
    """Return ``" (did you mean X?)"``, or nothing when no name is near."""
    name = nearest(wrong, known)
    return f" (did you mean {prefix}{name}?)" if name else ""
