"""Names of images: ``[host[:port]/]path[:tag][@digest]`` (distribution-spec "Pull", docker's familiar names)."""

from __future__ import annotations

import re

from boxwright.errors import InvalidError
from boxwright.oci.digest import Digest
from boxwright.values import NamedTuple

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = rf"{_COMPONENT}(?:/{_COMPONENT})*"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_HOST_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_HOST_LABEL}(?:\.{_HOST_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]{{1,5}})?"
_HEX = frozenset("0123456789abcdef")
_MAX_NAME = 255


class InvalidReference(InvalidError):
    """Text that is no image reference."""

    def __init__(self, text: str, why: str, hint: str | None = None) -> None:
        super().__init__(f"invalid reference {text[:300]!r}: {why}", hint=hint)
        self.text = text


class Reference(NamedTuple):
    """A normalised image reference; `domain` and `path` are always full (``docker.io``, ``library/debian``)."""

    domain: str
    path: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse what a person typed; neither a tag nor a digest is added. Raises InvalidReference."""
        if not text:
            raise InvalidReference(text, "it is empty")
        if len(text) == 64 and _HEX.issuperset(text):
            raise InvalidReference(text, "64 hex digits are an image ID, not a name")
        rest, at, digest_text = text.partition("@")
        digest = None
        if at:
            try:
                digest = Digest.parse(digest_text)
            except InvalidError as error:
                raise InvalidReference(text, error.message, error.hint) from None
        tag = None
        slash, colon = rest.rfind("/"), rest.rfind(":")
        if colon > slash:
            rest, tag = rest[:colon], rest[colon + 1 :]
            if not re.fullmatch(_TAG, tag):
                raise InvalidReference(
                    text, f"invalid tag {tag!r}", "a tag has at most 128 letters, digits, '_', '.', '-'"
                )
        domain, path = _split_domain(rest)
        if not re.fullmatch(_DOMAIN, domain):
            raise InvalidReference(text, f"invalid host {domain!r}")
        if not re.fullmatch(_PATH, path):
            lower = path.lower()
            if lower != path and re.fullmatch(_PATH, lower):
                raise InvalidReference(text, "repository names are lower case", f"did you mean {text.lower()}?")
            raise InvalidReference(
                text, f"invalid repository name {path!r}", "a name is made of a-z, 0-9 and single '.', '_', '-' between"
            )
        if len(domain) + 1 + len(path) > _MAX_NAME:
            raise InvalidReference(text, f"the name is longer than {_MAX_NAME} characters")
        return cls(domain, path, tag, digest)

    @property
    def repository(self) -> str:
        """The full name without tag and digest."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_repository(self) -> str:
        """The name as docker shows it: no ``docker.io/``, no ``library/``."""
        if self.domain != DEFAULT_DOMAIN:
            return self.repository
        official = self.path.removeprefix("library/")
        short = official if "/" not in official else self.path
        first, slash, _ = short.partition("/")
        return self.repository if slash and _is_host(first) else short

    def with_default_tag(self) -> Reference:
        """Add ``latest`` when there is neither a tag nor a digest."""
        return self if self.tag or self.digest else self._replace(tag=DEFAULT_TAG)

    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def familiar(self) -> str:
        """The whole reference as docker shows it; parses back to an equal value."""
        return self.familiar_repository + self._suffix()

    def __str__(self) -> str:
        return self.repository + self._suffix()


def _is_host(first: str) -> bool:
    """docker's rule: a first component is a host only if it cannot be the name of a user or organisation."""
    return "." in first or ":" in first or first == "localhost" or first != first.lower()


def _split_domain(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if slash and _is_host(first):
        domain, path = first, rest
        if domain == "index.docker.io":
            domain = DEFAULT_DOMAIN
    else:
        domain, path = DEFAULT_DOMAIN, name
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = "library/" + path
    return domain, path
