"""What a build is made from, opened: its context and Dockerfile, further contexts, secrets and agents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, BinaryIO

from boxwright.build.context import Context, local_context, no_context
from boxwright.build.request import Given
from boxwright.dockerfile.stages import Dockerfile, load
from boxwright.engine.containers.wiring import Wiring
from boxwright.engine.contexts import Access, open_context
from boxwright.engine.wanted import Build, is_set
from boxwright.errors import InvalidError
from boxwright.store.store import Store

if TYPE_CHECKING:
    from boxwright.build.namedcontexts import NamedContexts
    from boxwright.engine.fetched import Fetched

KEEP_GIT_DIR = "BUILDKIT_CONTEXT_KEEP_GIT_DIR"


@contextmanager
def opened_context(wiring: Wiring, wanted: Build) -> Iterator[tuple[Context, Dockerfile]]:
    """Yield the context that a build would have, and its Dockerfile, for as long as the block lasts.

    Raises what reading them raises, DockerfileError among it.
    """
    image, keep_git_dir = described(wanted), is_set(wanted.build_args.get(KEEP_GIT_DIR))
    with (
        open_given(wanted, wiring.settings.environ) as given,
        open_files(wiring.store, wanted, image, given, keep_git_dir) as context,
    ):
        yield context, image or load(context.dockerfile)


def open_given(wanted: Build, environ: Mapping[str, str]) -> AbstractContextManager[Given]:
    """Return the secrets and agents of a build, and what it allows, for the time of the block. Raises InvalidError."""
    if not (wanted.secrets or wanted.ssh or wanted.allow or wanted.network == "host"):
        return nullcontext(Given())
    from boxwright.engine import given

    return given.given(wanted.secrets, wanted.ssh, wanted.allow, wanted.network, environ)


def described(wanted: Build) -> Dockerfile | None:
    """Return what is described in Python; None where a Dockerfile is to be read. Raises InvalidError."""
    if wanted.image is None:
        return None
    if wanted.dockerfile is not None or wanted.context == "-":
        raise InvalidError("an image that is described in Python takes neither a Dockerfile nor the standard input")
    from boxwright.engine.described.assembly import assemble

    return assemble(wanted.image).value()


def open_files(
    store: Store,
    wanted: Build,
    image: Dockerfile | None,
    given: Given,
    keep_git_dir: bool,
    fetched: Fetched | None = None,
) -> AbstractContextManager[Context]:
    """Return the files of a build, with its Dockerfile, unless `image` is it. Raises what opening them raises."""
    if image is not None:
        title = image.source.name
        context = local_context(wanted.context, text="") if wanted.context else no_context("")
        return nullcontext(context._replace(dockerfile=image.source, title=title))

    def stdin() -> BinaryIO:
        if wanted.stdin is None:
            raise InvalidError("nothing is given as the standard input")
        return wanted.stdin

    access = Access(store, given.secrets, given.agents, keep_git_dir, fetched)
    return open_context(wanted.context, wanted.dockerfile, access, stdin)


def open_named_contexts(
    store: Store, wanted: Build, given: Given, keep_git_dir: bool, fetched: Fetched | None = None
) -> AbstractContextManager[NamedContexts | None]:
    """Return the further contexts of a build, none of them opened yet. Raises InvalidContextName, ContextNotFound."""
    if not wanted.contexts:
        return nullcontext()
    from functools import partial

    from boxwright.build.namedcontexts import NamedContexts, named_contexts
    from boxwright.engine.contexts import check_named, open_named

    contexts = named_contexts(wanted.contexts)
    check_named(contexts.values())
    access = Access(store, given.secrets, given.agents, keep_git_dir, fetched)
    return NamedContexts(contexts, partial(open_named, access=access))
