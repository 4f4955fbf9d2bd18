"""A workbench for builds without a container runtime: a store, contexts, and a runner that plays commands.

`ScriptedRunner` is a test double for `build.runner.Runner`. It runs what stands after ``/bin/sh -c`` as a script of
its own: commands separated by `` && ``, each a word and its arguments, working on the layer's directory alone:

    write PATH TEXT…   a file (in the step's working directory if PATH is relative)
    append PATH TEXT…  the content below, and this
    env PATH NAME      the value of a variable of the step, or ``unset``
    remove PATH        a whiteout
    say TEXT… / complain TEXT…   a line on stdout / stderr
    exit CODE          ends the script
    meet NAME          waits until another step meets there, too (they must run side by side)
    wait               waits until the build is cancelled
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from boxwright.build.build import build
from boxwright.build.context import Context, local_context
from boxwright.build.failure import EndedStep, KeptContainer
from boxwright.build.namedcontexts import NamedContext, NamedContexts, named_contexts
from boxwright.build.planned import BaseImage
from boxwright.build.progress import Event, StepDone
from boxwright.build.provenance import Attester
from boxwright.build.request import BuildRequest, BuildResult
from boxwright.build.runner import StepCancelled, StepProcess
from boxwright.build.together import Together
from boxwright.layer.union import UnionView
from boxwright.oci.config import ImageConfig
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.store.store import Store

AMD64 = Platform("linux", "amd64")
_PATIENCE = 20.0
_WRITTEN = 1_700_000_000
"""When every file was written that a command wrote: what comes out depends on nothing but the script."""


class ScriptedRunner:
    def __init__(self) -> None:
        self.processes: list[StepProcess] = []
        self._barriers: dict[str, threading.Barrier] = {}
        self._lock = threading.Lock()

    def run(self, process: StepProcess) -> int:
        self.processes.append(process)
        assert process.argv[:2] == ("/bin/sh", "-c"), process.argv
        for command in process.argv[2].split(" && "):
            word, *arguments = command.split()
            code = self._command(process, word, arguments)
            if code is not None:
                return code
        return 0

    def _command(self, process: StepProcess, word: str, arguments: list[str]) -> int | None:
        match word:
            case "write":
                self._write(process, arguments[0], " ".join(arguments[1:]))
            case "append":
                view = UnionView([*process.lowers, process.upper])
                before = view.read(os.path.join(process.cwd, arguments[0]), 1 << 20).decode()
                self._write(process, arguments[0], before + " ".join(arguments[1:]))
            case "env":
                self._write(process, arguments[0], process.env.get(arguments[1], "unset"))
            case "remove":
                os.mknod(self._place(process, arguments[0]), 0o020000, os.makedev(0, 0))
            case "say":
                process.stdout(" ".join(arguments))
            case "complain":
                process.stderr(" ".join(arguments))
            case "exit":
                return int(arguments[0])
            case "meet":
                with self._lock:
                    barrier = self._barriers.setdefault(arguments[0], threading.Barrier(2))
                barrier.wait(_PATIENCE)
            case "wait":
                assert process.cancelled.wait(_PATIENCE), "nobody cancelled"
                raise StepCancelled
            case _:
                process.stderr(f"{word}: not found")
                return 127
        return None

    @staticmethod
    def _place(process: StepProcess, path: str) -> Path:
        place = process.upper / os.path.join(process.cwd, path).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        return place

    def _write(self, process: StepProcess, path: str, text: str) -> None:
        place = self._place(process, path)
        place.write_text(text)
        place.chmod(0o644)
        while place != process.upper:
            os.utime(place, (_WRITTEN, _WRITTEN))
            place = place.parent
            place.chmod(0o755)


class StoredBases:
    """Images that are in the store already, by name."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: list[str] = []

    def resolve(self, name: str, platform: Platform) -> BaseImage:
        self.asked.append(name)
        record = self._store.images.find(name)
        return BaseImage(name, record.id, record.chain, self._store.images.config(record))


class Built:
    """An image that was built, to be looked at."""

    def __init__(self, store: Store, result: BuildResult, events: list[Event]) -> None:
        self.id = result.image
        self.result = result
        self.events = events
        record = store.images.get(result.image)
        assert record is not None
        self.record = record
        self.config: ImageConfig = store.images.config(record)
        self.snapshots = store.snapshots.stack(record.chain)
        self.layers = [store.snapshots.path(snapshot) for snapshot in self.snapshots]
        self.view = UnionView(self.layers)

    def read(self, path: str) -> str:
        return self.view.read(path, 1 << 20).decode()

    def files(self) -> list[str]:
        """All paths but the root, directories with a slash at their end."""
        return [node.path + ("/" if node.is_dir else "") for node in self.view.walk() if node.path != "/"]

    def tree(self) -> dict[str, str]:
        """Regular files and links with their contents and targets."""
        return {
            node.path: f"-> {node.target}" if node.is_symlink else self.read(node.path)
            for node in self.view.walk()
            if not node.is_dir
        }

    def mode(self, path: str) -> int:
        return self.stat(path).st_mode & 0o7777

    def owner(self, path: str) -> tuple[int, int]:
        state = self.stat(path)
        return state.st_uid, state.st_gid

    def stat(self, path: str) -> os.stat_result:
        node = self.view.lookup(path, follow=False)
        assert node is not None, path
        return node.stat

    def done(self) -> list[StepDone]:
        return [event for event in self.events if isinstance(event, StepDone)]

    def cached(self) -> list[bool]:
        """Whether each step, FROM left out, came from the cache."""
        return [event.cached for event in self.done() if not event.instruction.upper().startswith("FROM")]


class Workbench:
    """Builds from a context directory at `context`, into `store`."""

    def __init__(self, store: Store, context: Path) -> None:
        self.store = store
        self.context = context
        self.runner = ScriptedRunner()
        self.bases = StoredBases(store)
        self.events: list[Event] = []
        self.failed: list[EndedStep] = []
        self.opened: list[str] = []
        """The named contexts that the last build looked at, in the order in which it did."""
        self.together = Together(share_steps=False)
        self.attest: Attester | None = None
        self.on_event: Callable[[Event], None] = lambda event: None
        context.mkdir(exist_ok=True)

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Put files into the context; None removes one, a name with a slash at its end is a directory."""
        for name, content in files.items():
            path = self.context / name
            if content is None:
                path.unlink()
            elif name.endswith("/"):
                path.mkdir(parents=True, exist_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def build(
        self,
        dockerfile: str,
        /,
        files: Mapping[str, str | bytes | None] | None = None,
        *,
        tag: str | None = None,
        context: Context | None = None,
        contexts: Mapping[str, str] | None = None,
        platform: Platform = AMD64,
        **options: Any,
    ) -> Built:
        """Build; `contexts` are further ones: name → a folder or ``docker-image://NAME``."""
        self.write(files or {})
        self.events = []
        self.opened = []
        self.together = Together(share_steps=False)
        request = BuildRequest(
            context or local_context(str(self.context), text=dockerfile),
            platform,
            AMD64,
            tags=(Reference.parse(tag),) if tag else (),
            named=NamedContexts(named_contexts(contexts), self._open) if contexts else None,
            **options,
        )
        result = build(
            request,
            store=self.store,
            runner=self.runner,
            bases=self.bases,
            sink=self._sink,
            keep=self._keep,
            together=self.together,
            attest=self.attest,
        )
        return Built(self.store, result, self.events)

    def _open(self, named: NamedContext) -> AbstractContextManager[Context]:
        self.opened.append(named.name)
        return nullcontext(local_context(named.value, text=""))

    def _sink(self, event: Event) -> None:
        self.events.append(event)
        self.on_event(event)

    def _keep(self, failed: EndedStep) -> KeptContainer:
        self.failed.append(failed)
        return KeptContainer(failed.process.id, "jolly_otter")
