"""Which of our names is which name at an upstream."""

from __future__ import annotations

from collections.abc import Sequence

from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.registry.routes import is_name
from boxwright.hub.upstream.settings import EVERYTHING, UpstreamSettings
from boxwright.values import NamedTuple


class Proxied(NamedTuple):
    """A repository of an upstream: our name of it, of which there is only one, and its name there."""

    upstream: UpstreamSettings
    repository: str
    path: str


class Names:
    """The names of all upstreams. The longest prefix counts."""

    __slots__ = ("_by_namespace", "_everything", "_own", "_prefixed")

    def __init__(self, upstreams: Sequence[UpstreamSettings], own: str = "") -> None:
        """`own` is the host by which clients know us, "" when we don't know it."""
        self._own = own
        self._by_namespace = {name: one for one in upstreams for name in one.namespaces}
        self._everything = next((one for one in upstreams if one.prefix == EVERYTHING), None)
        named = [one for one in upstreams if one.prefix != EVERYTHING]
        self._prefixed = sorted(named, key=lambda one: len(one.prefix), reverse=True)

    def find(self, name: str, namespace: str | None = None) -> Proxied | None:
        """Return what a name stands for, None when it is a repository of our own.

        With a `namespace` the client believes that it talks to that registry, and means a name there. Raises
        RegistryError when we are no mirror of it: whatever we have under this name is something else.
        """
        if namespace and namespace != self._own:
            upstream = self._by_namespace.get(namespace)
            if upstream is None:
                raise RegistryError(
                    "NAME_UNKNOWN", f"this is no mirror of {namespace[:200]!r}", data={"ns": namespace[:200]}
                )
            return _proxied(upstream, name)
        for upstream in self._prefixed:
            if name.startswith(f"{upstream.prefix}/"):
                return _proxied(upstream, name[len(upstream.prefix) + 1 :])
        return None if self._everything is None else _proxied(self._everything, name)


def _proxied(upstream: UpstreamSettings, path: str) -> Proxied:
    if upstream.library and "/" not in path:
        path = f"library/{path}"
    repository = path if upstream.prefix == EVERYTHING else f"{upstream.prefix}/{path}"
    if not is_name(repository):
        raise RegistryError("NAME_INVALID", "the name is too long", data={"name": repository[:300]})
    return Proxied(upstream, repository, path)
