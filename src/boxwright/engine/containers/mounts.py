"""``-v``, ``--tmpfs`` and the image's VOLUMEs become mounts; volumes are made, and filled, as they are first used."""

from __future__ import annotations

import os
import posixpath

from boxwright.engine.containers.config import ContainerConfig, MountPoint
from boxwright.engine.requests import CreateContainer
from boxwright.errors import InvalidError
from boxwright.host import faults, locks
from boxwright.oci.config import RunConfig
from boxwright.runtime.options import ContainerOptions, Device, Mount
from boxwright.store.containers import ContainerRecord
from boxwright.store.store import Store
from boxwright.values import NamedTuple

_PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave")
_IGNORED = ("z", "Z", "rw", "nocopy", "delegated", "cached", "consistent")


class InvalidVolume(InvalidError):
    """A ``-v`` that isn't one."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"invalid volume {text!r}: {why}", hint="write SOURCE:TARGET, SOURCE:TARGET:ro or TARGET")


class _Spec(NamedTuple):
    source: str
    target: str
    read_only: bool
    propagation: str
    copy: bool


def resolve_mounts(
    store: Store, request: CreateContainer, base: RunConfig, record: ContainerRecord
) -> tuple[ContainerOptions, tuple[MountPoint, ...]]:
    """Return the container's options with its mounts and devices, and the mounts as listings show them.

    Volumes come into being here, with the claim of the container that holds them. Folders of the host that a ``-v``
    names are made when they are missing, as docker does. Raises InvalidVolume.
    """
    points: dict[str, MountPoint] = {}
    mounts: dict[str, Mount] = {}
    specs = {spec.target: spec for spec in map(parse_volume, request.volumes)}
    for text in request.volumes_from:
        for spec in _mounts_of(store, text):
            specs.setdefault(spec.target, spec)
    for text in request.tmpfs:
        mount = _tmpfs(text)
        points[mount.target], mounts[mount.target] = MountPoint("tmpfs", mount.target), mount
    for target in base.volumes:
        target = posixpath.normpath("/" + target.lstrip("/"))
        if target not in specs and target not in points:
            specs[target] = _Spec("", target, False, "rprivate", True)
    for target, spec in specs.items():
        if target in points:
            raise InvalidVolume(spec.target, "something is mounted there already")
        point, source = _source(store, record, spec)
        points[target] = point
        mounts[target] = Mount("bind", target, source, spec.read_only, spec.propagation)
    options = ContainerConfig.from_json(record.config).options
    devices = _devices(request.devices)
    # A mount above another one goes first, or it would cover it.
    ordered = sorted(mounts.values(), key=lambda mount: mount.target.count("/"))
    return options._replace(mounts=tuple(ordered), devices=devices), tuple(points.values())


def _devices(texts: tuple[str, ...]) -> tuple[Device, ...]:
    if not texts:
        return ()
    from boxwright.runtime.devices import parse_device

    return tuple(device for text in texts for device in parse_device(text))


def _mounts_of(store: Store, text: str) -> list[_Spec]:
    """Return what one ``--volumes-from`` stands for. Raises ContainerNotFound, InvalidVolume."""
    name, colon, mode = text.partition(":")
    if colon and mode not in ("ro", "rw"):
        raise InvalidVolume(text, f"unknown mode {mode!r}")
    config = ContainerConfig.from_json(store.containers.find(name).config)
    return [
        _Spec(point.volume or point.source, point.target, point.read_only or mode == "ro", "rprivate", True)
        for point in config.mounts
        if point.kind != "tmpfs"
    ]


def parse_volume(text: str) -> _Spec:
    """Parse one ``-v``. Raises InvalidVolume."""
    parts = text.split(":")
    if len(parts) > 3 or not all(parts):
        raise InvalidVolume(text, "there are too many parts" if len(parts) > 3 else "a part is empty")
    source, target = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    read_only, propagation, copy = False, "rprivate", True
    for option in parts[2].split(",") if len(parts) == 3 else ():
        if option in ("ro", "readonly"):
            read_only = True
        elif option in _PROPAGATION:
            propagation = option
        elif option in _IGNORED:
            copy = copy and option != "nocopy"
        else:
            raise InvalidVolume(text, f"unknown option {option!r}")
    if not target.startswith("/"):
        raise InvalidVolume(text, f"{target} needs to be an absolute path in the container")
    target = posixpath.normpath("/" + target.lstrip("/"))
    if target == "/":
        raise InvalidVolume(text, "nothing can be mounted on /")
    if source.startswith(("./", "../")) or source in (".", ".."):
        source = os.path.abspath(source)
    return _Spec(source, target, read_only, propagation, copy)


def _source(store: Store, record: ContainerRecord, spec: _Spec) -> tuple[MountPoint, str]:
    if spec.source.startswith("/"):
        source = os.path.normpath(spec.source)
        if not os.path.exists(source):
            os.makedirs(source, exist_ok=True)
        return MountPoint("bind", spec.target, source, "", spec.read_only), source
    if "/" in spec.source:
        raise InvalidVolume(spec.source, "a folder of the host begins with / or ./, and a volume's name has no /")
    volume = store.volumes.create(spec.source or None)
    store.volumes.attach(volume.name, record.id)
    path = store.volumes.path(volume.name)
    if spec.copy:
        _fill(store, record, spec.target, volume.name)
    return MountPoint("volume", spec.target, str(path), volume.name, spec.read_only, volume.anonymous), str(path)


def _fill(store: Store, record: ContainerRecord, target: str, name: str) -> None:
    """Give an empty volume what the image has at its target, with owners and modes.

    One that was only half filled when the command was killed is filled anew.
    """
    path = store.volumes.path(name)
    mark = path.with_name("filling")
    if any(path.iterdir()) and not mark.exists():
        return
    from boxwright.engine.containers.trees import copy_node
    from boxwright.host import trees
    from boxwright.layer.union import UnionView

    stack = store.snapshots.stack(record.chain)
    view = UnionView([store.snapshots.path(snapshot) for snapshot in stack])
    node = view.lookup(target)
    if node is None or not node.is_dir:
        return
    lock = store.layout.lock("volume", name)
    with locks.locked(lock):
        try:
            if mark.exists():
                for child in path.iterdir():
                    trees.remove_tree(child)
            elif any(path.iterdir()):
                return  # another command has filled it meanwhile
            mark.write_bytes(b"")
            faults.point("a volume is about to be filled")
            copy_node(view, node, path)
            faults.point("a volume is filled")
            mark.unlink()
        finally:
            lock.unlink()


def _tmpfs(text: str) -> Mount:
    target, _, rest = text.partition(":")
    if not target.startswith("/"):
        raise InvalidVolume(text, "a tmpfs needs an absolute path in the container")
    size = mode = None
    options = []
    for option in filter(None, rest.split(",")):
        name, _, value = option.partition("=")
        if name == "size":
            size = _bytes(text, value)
        elif name == "mode":
            try:
                mode = int(value, 8)
            except ValueError:
                raise InvalidVolume(text, f"mode {value!r} is not octal") from None
        else:
            options.append(option)
    return Mount("tmpfs", posixpath.normpath("/" + target.lstrip("/")), size=size, mode=mode, options=tuple(options))


def _bytes(text: str, value: str) -> int:
    factor = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}.get(value[-1:].lower(), 1)
    digits = value[:-1] if factor > 1 else value
    if not digits.isdigit():
        raise InvalidVolume(text, f"size {value!r} is not a number")
    return int(digits) * factor
