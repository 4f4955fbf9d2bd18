"""Cases of the build language in files of text, and what a build of each of them gives, as text.

A file holds any number of cases, each a few lines, so that a fact of the language costs no more than writing it down:

    === its-name
    about: what it shows
    facts: 36 37                numbers of the list of facts that it is about
    args: A=1 B=                build arguments
    options: target=x …         fields of the request: target, file (the Dockerfile), platform, labels, context=none,
                                contexts=name:folder,…, no_cache, no_cache_stages
    peer: no                    it is not built by docker (of Debian 12) for comparison, and why not
    --- Dockerfile              or another file's path; its mode may follow (``--- file 0755``),
    FROM scratch                or what it links to (``--- name -> target``); a slash makes a directory
    --- again touch a           another build, after something has been done to the context
    --- expect                  what comes out: see `show`
    [1/1] FROM scratch

``␍`` stands for a carriage return, ``␠`` for a blank and ``␉`` for a tab where an editor would eat them, ``␦`` for a
byte order mark, ``{{x*9}}`` for nine times x. Times of files are always the same.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from boxwright.build.context import local_context, no_context
from boxwright.build.plan import DEFAULT_PATH
from boxwright.build.progress import StepRunning, Warned
from boxwright.build.runner import HostMount, MemoryMount, SecretMount, StepMount, StepProcess, UnionMount
from boxwright.errors import BoxwrightError
from boxwright.oci.config import RunConfig
from boxwright.oci.platform import Platform
from support.building import Built, Workbench

MODIFIED = 1_000_000_000
_MARKS = {"␍": "\r", "␠": " ", "␉": "\t", "␦": "\ufeff"}
_MANY = re.compile(r"\{\{(.)\*(\d+)\}\}")
_MODE = re.compile(r" ([0-7]{3,4})$")
_FIELDS = ("about", "facts", "args", "options", "peer")


class File(NamedTuple):
    path: str
    content: str
    mode: int | None = None
    target: str | None = None


class Case(NamedTuple):
    name: str
    source: Path
    about: str
    facts: tuple[int, ...]
    args: tuple[tuple[str, str | None], ...]
    options: tuple[tuple[str, str], ...]
    peer: str
    files: tuple[File, ...]
    again: tuple[str, ...]
    """What is done before each further build."""
    expect: str

    def write(self, root: Path) -> None:
        """Make the context in `root`, which is there."""
        for file in self.files:
            put(root, file)


def load(path: Path) -> list[Case]:
    """Return the cases of a file. Raises ValueError, with the name of the case that makes no sense."""
    _, *texts = re.split(r"^=== ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [_parse(text, path) for text in texts]


def _parse(text: str, path: Path) -> Case:
    head, *sections = re.split(r"^--- ", text, flags=re.MULTILINE)
    name, *lines = head.strip().splitlines()
    fields = dict.fromkeys(_FIELDS, "")
    for line in lines:
        field, colon, value = line.partition(":")
        if not colon or field not in fields:
            raise ValueError(f"{path.name}: {name}: what is {line!r}?")
        fields[field] = value.strip()
    files: list[File] = []
    again: list[str] = []
    expect = ""
    for section in sections:
        title, _, content = section.partition("\n")
        if title == "expect":
            expect = content.rstrip("\n") + "\n"
        elif title.startswith("again"):
            again.append(title.removeprefix("again").strip())
        else:
            files.append(_file(title, content))
    given = (item.partition("=") for item in shlex.split(fields["args"]))
    return Case(
        name,
        path,
        fields["about"],
        tuple(int(number) for number in fields["facts"].split()),
        tuple((name, value if equals else None) for name, equals, value in given),
        tuple(_pair(item) for item in shlex.split(fields["options"])),
        fields["peer"],
        tuple(files),
        tuple(again),
        expect,
    )


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name, value


def _file(title: str, content: str) -> File:
    path, arrow, target = title.partition(" -> ")
    if arrow:
        return File(path, "", None, target)
    content = content.rstrip("\n") + "\n" if content.strip("\n") else ""
    for mark, meant in _MARKS.items():
        content = content.replace(mark, meant)
    content = _MANY.sub(lambda match: match[1] * int(match[2]), content)
    mode = _MODE.search(title)
    return File(title[: mode.start()] if mode else title, content, int(mode[1], 8) if mode else None)


def put(root: Path, file: File) -> None:
    path = root / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if file.target is not None:
        path.symlink_to(file.target)
    elif file.path.endswith("/"):
        path.mkdir(exist_ok=True)
        path.chmod(0o755 if file.mode is None else file.mode)
    else:
        path.write_bytes(file.content.encode())
        path.chmod(0o644 if file.mode is None else file.mode)
    os.utime(path, (MODIFIED, MODIFIED), follow_symlinks=False)


class Recorder:
    """A runner that only notes what it is to run: every command ends well, and changes nothing."""

    def __init__(self) -> None:
        self.processes: dict[str, StepProcess] = {}

    def run(self, process: StepProcess) -> int:
        self.processes[process.id] = process
        return 0


def show(case: Case, bench: Workbench) -> str:
    """Build a case on a workbench, and return what came of it.

    For an image: its steps, below each the command that it would run; what its configuration says beyond the usual;
    its files beyond those of the base; what was warned of. For an error: all that a person is told. For each further
    build: which steps the cache answered.
    """
    recorder = Recorder()
    bench.runner = recorder  # it does all that a build asks for
    case.write(bench.context)
    try:
        told = list(_image(_build(case, bench), recorder))
    except BoxwrightError as error:
        return "\n".join(_error(error)) + "\n"
    for change in case.again:
        told.append(f"again {change}".rstrip())
        try:
            case = _change(case, change, bench.context)
            built = _build(case, bench)
        except BoxwrightError as error:
            told += _error(error)
            break
        told += [
            f"  {'cached' if event.cached else 'built '} {event.instruction}"
            for event in sorted(built.done(), key=lambda event: event.number)
            if not event.instruction.upper().startswith("FROM")
        ]
    return "\n".join(told) + "\n"


def _build(case: Case, bench: Workbench) -> Built:
    options: dict[str, Any] = dict(case.options)
    if options.pop("context", None) == "none":
        context = no_context((bench.context / "Dockerfile").read_text())
    else:
        file = options.pop("file", None)
        context = local_context(str(bench.context), file and str(bench.context / file))
    if "labels" in options:
        options["labels"] = dict(item.split("=", 1) for item in options["labels"].split(","))
    if "no_cache" in options:
        options["no_cache"] = True
    if "no_cache_stages" in options:
        options["no_cache_stages"] = frozenset(options["no_cache_stages"].split(","))
    if "contexts" in options:
        named = dict(item.split(":", 1) for item in options["contexts"].split(","))
        options["contexts"] = {
            name: value if "://" in value else str(bench.context / value) for name, value in named.items()
        }
    if "platform" in options:
        options["platform"] = Platform.parse(options["platform"])
    return bench.build("", context=context, build_args=dict(case.args), **options)


def _change(case: Case, text: str, root: Path) -> Case:
    """Do something to the context of a case, or to what its build is given; return the case for the next build."""
    word, *rest = shlex.split(text) or [""]
    changes: dict[str, Callable[..., object]] = {
        "": lambda: None,
        "touch": lambda name: os.utime(root / name, (MODIFIED + 9, MODIFIED + 9)),
        "chmod": lambda mode, name: os.chmod(root / name, int(mode, 8)),
        "write": lambda name, content: put(root, File(name, content)),
        "replace": lambda name, old, new: put(root, File(name, (root / name).read_text().replace(old, new))),
        "move": lambda old, new: os.rename(root / old, root / new),
        "remove": lambda name: os.unlink(root / name),
        "link": lambda name, target: put(root, File(name, "", None, target)),
        "xattr": lambda name, attribute, value: os.setxattr(root / name, attribute, value.encode()),
    }
    if word == "arg":
        return case._replace(args=(*case.args, *map(_pair, rest)))
    if word == "option":
        return case._replace(options=(*case.options, *map(_pair, rest)))
    changes[word](*rest)
    return case


def _error(error: BoxwrightError) -> Iterator[str]:
    yield f"error: {_clipped(error.message)}"
    for line in error.detail:
        yield f"  {_clipped(line)}".rstrip()
    if error.hint:
        yield f"  {error.hint}"


def _clipped(line: str) -> str:
    return line if len(line) <= 400 else line[:400] + "…"


def _image(built: Built, recorder: Recorder) -> Iterator[str]:
    commands = {event.number: event.container for event in built.events if isinstance(event, StepRunning)}
    for event in sorted(built.done(), key=lambda event: event.number):
        stage = "" if event.stage.isdigit() else f"{event.stage} "
        yield f"[{stage}{event.number}/{event.total}] {event.instruction}"
        if event.number in commands:
            yield from (f"    {line}" for line in _command(recorder.processes[commands[event.number]]))
    yield from _config(built.config.config, built.config.author, str(built.config.platform))
    base = str(built.layers[0]) if "BASE" in built.config.config.env_map() else "-"
    for node in built.view.walk():
        if node.path != "/" and not node.location.startswith(base):
            yield _node(built, node.path)
    for event in built.events:
        if isinstance(event, Warned):
            place = f" ({event.source})" if event.source else ""
            yield f"warning {event.message}{place}"


def _command(process: StepProcess) -> Iterator[str]:
    yield f"run {json.dumps(process.argv, ensure_ascii=False)}"
    env = {name: value for name, value in process.env.items() if (name, value) != ("PATH", DEFAULT_PATH)}
    about = [f"{name}={value}" for name, value in env.items()]
    about += [f"cwd {process.cwd}"] * (process.cwd != "/") + [f"user {process.user}"] * bool(process.user)
    about += [f"network {process.network}"] * (process.network != "default")
    about += [f"host {process.hostname}"] * (process.hostname != "buildkitsandbox")
    about += ["privileged"] * process.privileged
    if about:
        yield "  " + ", ".join(about)
    for mount in process.mounts:
        yield f"  {_mount(mount)}"


def _mount(mount: StepMount) -> str:
    read_only = " read-only" if getattr(mount, "read_only", False) else ""
    match mount:
        case HostMount():
            kind = "cache" if "cache/mounts" in str(mount.source) else "script"
        case MemoryMount():
            kind = "memory" if mount.size is None else f"memory of {mount.size} bytes"
        case UnionMount():
            kind = f"files from {mount.path}" if mount.lowers else "nothing"
        case SecretMount():
            kind = f"secret {mount.mode:o} {mount.uid}:{mount.gid}"
        case _:
            kind = f"agent {mount.mode:o} {mount.uid}:{mount.gid}"
    return f"mount {mount.target}: {kind}{read_only}"


def _config(config: RunConfig, author: str, platform: str) -> Iterator[str]:
    for name, value in json.loads(json.dumps(config.to_json())).items():
        if name == "Env":
            value = [entry for entry in value if entry != f"PATH={DEFAULT_PATH}"]
        if value and (name, value) != ("WorkingDir", "/"):
            yield f"{name} {json.dumps(value, ensure_ascii=False, sort_keys=True)}"
        elif name in ("Cmd", "Entrypoint") and value == []:
            yield f"{name} []"
    if author:
        yield f"Author {author}"
    if platform != "linux/amd64":
        yield f"Platform {platform}"


def _node(built: Built, path: str) -> str:
    node = built.view.lookup(path, follow=False)
    assert node is not None
    mode, owner = f"{node.stat.st_mode & 0o7777:04o}", f"{node.stat.st_uid}:{node.stat.st_gid}"
    if node.is_symlink:
        return f"{path} -> {node.target}"
    if node.is_dir:
        return f"{path}/ {mode} {owner}"
    content = built.read(path) if node.is_file else ""
    return f"{path} {mode} {owner} {json.dumps(_clipped(content), ensure_ascii=False)}"
