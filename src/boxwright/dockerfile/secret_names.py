"""Which variables are likely to hold a secret, by their names."""

from __future__ import annotations

_SECRET_WORDS = frozenset(
    {"apikey", "auth", "credential", "credentials", "key", "password", "pword", "passwd", "secret", "token"}
)
_PUBLIC_WORDS = frozenset({"public"})


def is_secret_name(name: str) -> bool:
    """Whether a variable of this name is likely to hold what nobody else should read."""
    words = set(name.lower().replace("-", "_").split("_"))
    return bool(words & _SECRET_WORDS) and not words & _PUBLIC_WORDS
