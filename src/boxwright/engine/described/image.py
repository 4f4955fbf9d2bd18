"""`Image`: what a Dockerfile says, as calls of which each returns a new, immutable description.

A string means itself, whatever is in it: quotes, ``$``, backslashes. Where a variable of the build is meant, it is
said: ``Expand("/opt/bin:$PATH")``. Two strings are the exception, since a program reads them: the command of a shell
form, which the shell of the image expands, and the sources of `copy` and `add`, in which ``*``, ``?`` and ``[…]`` are
wildcards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from boxwright.dockerfile.arguments import ArgumentsError, json_strings
from boxwright.dockerfile.heredoc import find_markers
from boxwright.dockerfile.quoting import escaped, heredoc, json_array, quoted, words_or_json
from boxwright.engine.described.callers import Place, calling_place
from boxwright.engine.described.line import Line, flag
from boxwright.engine.described.mount import Mount
from boxwright.errors import InvalidError

if TYPE_CHECKING:
    from boxwright.build.progress import Sink
    from boxwright.build.request import BuildResult
    from boxwright.engine.engine import Engine
    from boxwright.engine.wanted import Build

Command = str | Sequence[str]
"""A string: for the shell (the shell form). Words: executed as they are (the exec form)."""
_BLANKS = " \t\r\n"


class InvalidDescription(InvalidError):
    """A call that no instruction can stand for."""


class Image:
    """An image that is to be built: a base, and what happens to it.

    Every method returns a new Image; one that two others start from, or copy from, is built once.
    """

    __slots__ = ("_base", "_first", "_lines", "_name")

    def __init__(self, base: str | Image, first: Line, name: str | None, lines: tuple[Line, ...]) -> None:
        """Not for callers: `from_` makes one."""
        self._base = base
        self._first = first
        self._name = name
        self._lines = lines

    @classmethod
    def from_(cls, base: str | Image, *, platform: str | None = None, name: str | None = None) -> Image:
        """Start from an image's name, ``scratch``, or another description, whose stage this one then begins with.

        `name` is what the stage is called in messages and in the Dockerfile.
        """
        parts: tuple[str | Image, ...] = ("FROM ",)
        if platform is not None:
            parts += flag("platform", escaped(platform))
        parts += (quoted(base) if isinstance(base, str) else base,)
        return cls(base, Line(parts, False, calling_place()), name, ())

    @property
    def base(self) -> str | Image:
        return self._base

    @property
    def name(self) -> str | None:
        return self._name

    @property
    def first(self) -> Line:
        """The FROM, without its name."""
        return self._first

    @property
    def lines(self) -> tuple[Line, ...]:
        """What follows the FROM."""
        return self._lines

    # ---- what changes files

    def run(
        self, command: Command, *, mounts: Sequence[Mount] = (), network: str | None = None, security: str | None = None
    ) -> Image:
        """Run a command.

        A string of several lines is a script for the shell or, with ``#!``, for the program that is named there; what
        all its lines are indented by is dropped.
        """
        flags: tuple[str | Image, ...] = ()
        for mount in mounts:
            flags += flag("mount", mount.parts())
        if network is not None:
            flags += flag("network", network)
        if security is not None:
            flags += flag("security", security)
        if not isinstance(command, str):
            return self._with("RUN ", *flags, json_array(command))
        text = command.strip(_BLANKS)
        if not text:
            raise InvalidDescription("there is no command to run")
        if not _fits_a_line(text):
            return self._with("RUN ", *flags, heredoc(_script(command)), body=True)
        return self._with("RUN ", *flags, text)

    def copy(
        self,
        sources: str | Sequence[str],
        destination: str,
        *,
        from_: str | Image | None = None,
        chown: str | None = None,
        chmod: str | int | None = None,
        exclude: Sequence[str] = (),
        link: bool = False,
        parents: bool = False,
    ) -> Image:
        """Copy from the context, or from another image: a description, or a name. An int of `chmod` is the mode."""
        flags: tuple[str | Image, ...] = ()
        if from_ is not None:
            if isinstance(from_, str) and from_.isdecimal():
                raise InvalidDescription(f"no image can be called {from_} here: a number is a stage of the file")
            flags += flag("from", from_)
        if parents:
            flags += ("--parents ",)
        return self._copy("COPY", flags, sources, destination, chown, chmod, exclude, link)

    def add(
        self,
        sources: str | Sequence[str],
        destination: str,
        *,
        chown: str | None = None,
        chmod: str | int | None = None,
        exclude: Sequence[str] = (),
        link: bool = False,
        checksum: str | None = None,
        keep_git_dir: bool = False,
        unpack: bool | None = None,
    ) -> Image:
        """Copy from the context, unpacking tars, or from URLs and git repositories."""
        flags: tuple[str | Image, ...] = ()
        if checksum is not None:
            flags += flag("checksum", escaped(checksum))
        if keep_git_dir:
            flags += ("--keep-git-dir ",)
        if unpack is not None:
            flags += flag("unpack", "true" if unpack else "false")
        return self._copy("ADD", flags, sources, destination, chown, chmod, exclude, link)

    def workdir(self, path: str) -> Image:
        """Change the directory of what follows, and make it."""
        return self._with("WORKDIR ", quoted(path))

    # ---- what changes the configuration

    def env(self, values: Mapping[str, str] | None = None, /, **more: str) -> Image:
        """Set variables of the environment."""
        return self._pairs("ENV", {**(values or {}), **more})

    def label(self, values: Mapping[str, str] | None = None, /, **more: str) -> Image:
        """Set labels."""
        return self._pairs("LABEL", {**(values or {}), **more})

    def arg(self, name: str, default: str | None = None) -> Image:
        """Declare an argument that ``build_args`` may set, a variable of what follows."""
        _check_name("ARG", name)
        return self._with(f"ARG {name}" if default is None else f"ARG {name}={quoted(default)}")

    def cmd(self, command: Command) -> Image:
        """Set what a container runs."""
        return self._with("CMD ", _command(command))

    def entrypoint(self, command: Command) -> Image:
        """Set the program that a container's command is given to."""
        return self._with("ENTRYPOINT ", _command(command))

    def shell(self, *argv: str) -> Image:
        """Set the shell of what follows: ``shell("/bin/bash", "-c")``."""
        return self._with("SHELL ", json_array(argv))

    def expose(self, *ports: str | int) -> Image:
        """Name ports that the program listens at: ``80``, ``"53/udp"``, ``"7000-7010"``."""
        words = [str(port) for port in ports]
        for word in words:
            if not word or not all(char.isalnum() or char in "/-:." for char in word):
                raise InvalidDescription(f"{word!r} is no port", hint="a port is 80, 53/udp or 7000-7010")
        return self._with("EXPOSE ", " ".join(words))

    def volume(self, *paths: str) -> Image:
        """Name directories that every container has of its own."""
        return self._with("VOLUME ", words_or_json(paths))

    def user(self, user: str) -> Image:
        """Set who runs what follows: ``"app"``, ``"1000:1000"``."""
        return self._with("USER ", quoted(user))

    def stopsignal(self, signal: str | int) -> Image:
        """Set the signal that ends a container."""
        return self._with("STOPSIGNAL ", quoted(str(signal)))

    def healthcheck(
        self,
        command: Command | None,
        *,
        interval: str | float | None = None,
        timeout: str | float | None = None,
        start_period: str | float | None = None,
        start_interval: str | float | None = None,
        retries: int | None = None,
    ) -> Image:
        """Set how to tell that a container is well; None: don't. A time is in seconds, or a text like ``"1m30s"``."""
        if command is None:
            return self._with("HEALTHCHECK NONE")
        flags: tuple[str | Image, ...] = ()
        times = {"interval": interval, "timeout": timeout, "start-period": start_period}
        for name, value in {**times, "start-interval": start_interval}.items():
            if value is not None:
                flags += flag(name, value if isinstance(value, str) else f"{value:.9f}".rstrip("0").rstrip(".") + "s")
        if retries is not None:
            flags += flag("retries", str(retries))
        return self._with("HEALTHCHECK ", *flags, "CMD ", _command(command))

    def onbuild(self, what: Callable[[Image], Image]) -> Image:
        """Keep instructions for whoever starts from this image: ``onbuild(lambda image: image.run("make"))``."""
        blank = Image("scratch", self._first, None, ())
        place = calling_place()
        triggers = tuple(Line(("ONBUILD ", *line.parts), line.body, place) for line in what(blank).lines)
        if any(line.images() for line in triggers):
            raise InvalidDescription("a trigger cannot copy from another description: who fires it doesn't have it")
        return Image(self._base, self._first, self._name, (*self._lines, *triggers))

    # ---- what becomes of it

    def dockerfile(self) -> str:
        """Return the Dockerfile that says the same, with all stages that it needs.

        Raises NotWritable for what a Dockerfile has no way to say (a line break in an ENV), and DockerfileError and
        UnsupportedSyntax, which point at the Python line, for an instruction that is wrong.
        """
        from boxwright.engine.described.assembly import assemble

        return assemble(self).text()

    def build(
        self,
        engine: Engine,
        *,
        context: str = "",
        tag: str | Sequence[str] = (),
        sink: Sink | None = None,
        options: Build | None = None,
    ) -> BuildResult:
        """Build it, and return what `engine.build` returns.

        `context` is the folder that `copy` and `add` take files from; without one there are none. `options` are all
        others that a build has.
        """
        from boxwright.engine.wanted import Build

        tags = (tag,) if isinstance(tag, str) else tuple(tag)
        wanted = (options or Build())._replace(image=self, context=context, tags=tags)
        return engine.build(wanted, sink)

    def __repr__(self) -> str:
        base = self._base if isinstance(self._base, str) else self._base.name or "…"
        return f"<Image from {base}, {len(self._lines)} instructions>"

    # ---- writing instructions

    def _with(self, *parts: str | Image, body: bool = False, place: Place | None = None) -> Image:
        line = Line(parts, body, place or calling_place())
        return Image(self._base, self._first, self._name, (*self._lines, line))

    def _pairs(self, keyword: str, values: Mapping[str, str]) -> Image:
        if not values:
            return self
        for name in values:
            _check_name(keyword, name)
        return self._with(f"{keyword} ", " ".join(f"{quoted(name)}={quoted(value)}" for name, value in values.items()))

    def _copy(
        self,
        keyword: str,
        flags: tuple[str | Image, ...],
        sources: str | Sequence[str],
        destination: str,
        chown: str | None,
        chmod: str | int | None,
        exclude: Sequence[str],
        link: bool,
    ) -> Image:
        if link:
            flags += ("--link ",)
        if chown is not None:
            flags += flag("chown", escaped(chown))
        if chmod is not None:
            flags += flag("chmod", f"{chmod:04o}" if isinstance(chmod, int) else escaped(chmod))
        for pattern in exclude:
            flags += flag("exclude", escaped(pattern))
        listed = (sources,) if isinstance(sources, str) else tuple(sources)
        return self._with(f"{keyword} ", *flags, words_or_json((*listed, destination)))


def _fits_a_line(command: str) -> bool:
    """Whether a shell's command can stand behind RUN as it is."""
    if "\n" in command or command.endswith("\\") or command.startswith(("--", "[")):
        return False
    return "<<" not in command or not find_markers(command, "\\")


def _script(text: str) -> str:
    import textwrap

    return textwrap.dedent(text).strip("\n").rstrip(" \t") if "\n" in text else text.strip(_BLANKS)


def _command(command: Command) -> str:
    if not isinstance(command, str):
        return json_array(command)
    text = command.strip(_BLANKS)
    if not text:
        raise InvalidDescription("there is no command", hint="no command at all is: []")
    try:
        is_json = json_strings(text) is not None
    except ArgumentsError:
        is_json = True
    if is_json:
        raise InvalidDescription(
            f"{text[:80]} is no command of a shell", hint="give the words themselves, and not as one string"
        )
    return f"-- {text}" if text.startswith("--") else text


def _check_name(keyword: str, name: str) -> None:
    if not name or not name.isprintable() or any(char in " =\"'\\$" for char in name):
        raise InvalidDescription(f"{name!r} can be no name of an {keyword}")
