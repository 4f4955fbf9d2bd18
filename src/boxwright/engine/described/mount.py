"""What a RUN sees beside the image's own files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from boxwright.dockerfile.quoting import csv_field, escaped
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.engine.described.image import Image


class Mount(NamedTuple):
    """A ``--mount``: made by `bind`, `cache`, `tmpfs`, `secret` and `ssh`."""

    fields: tuple[tuple[str, str | Image], ...]
    """The keys in the order in which they are written."""

    @classmethod
    def bind(cls, target: str, *, source: str = "", from_: str | Image | None = None, writable: bool = False) -> Mount:
        """Files of the context, or of the image or stage `from_`. What is written to them is thrown away."""
        return _mount("bind", target=target, source=source, from_=from_, readwrite=writable)

    @classmethod
    def cache(
        cls,
        target: str,
        *,
        id: str = "",
        sharing: str = "",
        from_: str | Image | None = None,
        source: str = "",
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
    ) -> Mount:
        """A directory that stays from one build to the next; `sharing` is ``shared``, ``private`` or ``locked``."""
        return _mount(
            "cache", target=target, id=id, sharing=sharing, from_=from_, source=source, mode=mode, uid=uid, gid=gid
        )

    @classmethod
    def tmpfs(cls, target: str, *, size: int | None = None) -> Mount:
        """An empty directory in memory, of `size` bytes at most."""
        return _mount("tmpfs", target=target, size=size)

    @classmethod
    def secret(
        cls,
        id: str,
        *,
        target: str = "",
        env: str = "",
        required: bool = False,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
    ) -> Mount:
        """A secret that the build is given: a file (``/run/secrets/ID``, if `target` doesn't say), or a variable."""
        return _mount("secret", id=id, target=target, env=env, required=required, mode=mode, uid=uid, gid=gid)

    @classmethod
    def ssh(cls, id: str = "", *, target: str = "", required: bool = False) -> Mount:
        """The socket of an SSH agent that the build is given."""
        return _mount("ssh", id=id, target=target, required=required)

    def parts(self) -> tuple[str | Image, ...]:
        """Return the value of the flag, with images in place of their names."""
        parts: list[str | Image] = []
        for key, value in self.fields:
            parts.append(f"{',' if parts else ''}{key}=")
            if isinstance(value, str):
                # A field is quoted whole, with its key; `from` and `type` never expand.
                field = f"{key}={value if key in ('from', 'type') else escaped(value)}"
                parts[-1] = f"{',' if len(parts) > 1 else ''}{csv_field(field)}"
            else:
                parts.append(value)
        return tuple(parts)


def _mount(kind: str, *, mode: int | None = None, **values: str | int | bool | Image | None) -> Mount:
    fields: list[tuple[str, str | Image]] = [("type", kind)]
    for key, value in values.items():
        if value is None or value is False or value == "":
            continue
        key = key.rstrip("_")
        fields.append((key, "true" if value is True else str(value) if isinstance(value, int) else value))
    if mode is not None:
        fields.append(("mode", f"{mode:04o}"))
    return Mount(tuple(fields))
