"""``--secret``, ``--ssh`` and ``--allow``: what a command line gives to the RUN steps of a build."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from boxwright.build.request import Given
from boxwright.build.secrets import Secret
from boxwright.errors import InvalidError, NotFoundError, UnavailableError
from boxwright.values import NamedTuple

ENTITLEMENTS = ("network.host", "security.insecure")
_MAX_SECRET = 500 * 1024  # bytes, as docker has it
_SOCKET = "SSH_AUTH_SOCK"


@contextmanager
def given(
    secret: Iterable[str], ssh: Iterable[str], allow: Iterable[str], network: str, environ: Mapping[str, str]
) -> Iterator[Given]:
    """Yield what flags give to steps, for the time of a build. Raises what `secrets` and its neighbours raise."""
    with ExitStack() as stack:

        def hold(keys: Sequence[str]) -> str:
            from boxwright.engine.keyagents import agent_of

            return stack.enter_context(agent_of(keys))

        allowed = entitlements(allow, network)
        absent = {each.id: each.variable for each in map(_parsed, secret) if each.lacks(environ)}
        yield Given(secrets(secret, environ), absent, agents(ssh, environ, hold), allowed)


class InvalidSecret(InvalidError):
    """A ``--secret`` that isn't one."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"invalid secret {text!r}: {why}", hint="write id=NAME,src=FILE or id=NAME,env=VARIABLE")


class SecretNotFound(NotFoundError):
    """What a ``--secret`` names isn't there."""

    def __init__(self, id: str, what: str) -> None:
        super().__init__(
            f"secret {id}: {what}", hint="name a file or a variable: id=NAME,src=FILE or id=NAME,env=VARIABLE"
        )
        self.id = id


class SecretUnreadable(UnavailableError):
    """A secret's file cannot be read, or is too large to be one."""


def secrets(texts: Iterable[str], environ: Mapping[str, str]) -> dict[str, Secret]:
    """Return secrets by ID. Each text is ``[type=file|env,]id=NAME[,src=FILE|,env=VARIABLE]``.

    With an ID alone it is the variable of this name or, where there is none, the file. A variable that is not set
    gives nothing, as with buildx: it is for the step to say whether it needs the secret. That there is a file is found
    out here, its content when a step needs it. Raises InvalidSecret, SecretNotFound, SecretUnreadable.
    """
    found = {}
    for parsed in map(_parsed, texts):
        variable = parsed.variable
        if not variable and not parsed.file:
            variable = parsed.id if parsed.id in environ and parsed.kind != "file" else ""
        if not variable:
            found[parsed.id] = Secret(parsed.id, _file(parsed.id, parsed.file or parsed.id))
        elif variable in environ:
            found[parsed.id] = Secret(parsed.id, _variable(environ[variable]))
    return found


class _Parsed(NamedTuple):
    """A ``--secret`` by its words."""

    id: str
    kind: str
    file: str
    variable: str

    def lacks(self, environ: Mapping[str, str]) -> bool:
        """Whether it is of a variable that is not set."""
        return bool(self.variable) and self.variable not in environ


def _parsed(text: str) -> _Parsed:
    fields: dict[str, str] = {}
    for field in text.split(","):
        key, equals, value = field.partition("=")
        key = {"source": "src"}.get(key.lower(), key.lower())
        if not equals:
            raise InvalidSecret(text, f"{field!r} must be a key=value pair")
        if key not in ("type", "id", "src", "env"):
            raise InvalidSecret(text, f"unexpected key {key!r}")
        fields[key] = value
    kind, id = fields.get("type", ""), fields.get("id", "")
    if kind not in ("", "file", "env"):
        raise InvalidSecret(text, f"unsupported type {kind!r}, there are file and env")
    if not id:
        raise InvalidSecret(text, "it has no id")
    file, variable = fields.get("src", ""), fields.get("env", "")
    if kind == "env" and not variable:
        file, variable = "", file or id
    if file and variable:
        raise InvalidSecret(text, "it is from a file or from a variable, not from both")
    return _Parsed(id, kind, file, variable)


def _variable(value: str) -> Callable[[], bytes]:
    return lambda: os.fsencode(value)


def _file(id: str, name: str) -> Callable[[], bytes]:
    path = os.path.abspath(name)

    def read() -> bytes:
        try:
            with open(path, "rb") as stream:
                data = stream.read(_MAX_SECRET + 1)
        except FileNotFoundError:
            raise SecretNotFound(id, f"there is no file {name}") from None
        except OSError as error:
            raise SecretUnreadable(f"secret {id}: {name}: {(error.strerror or str(error)).lower()}") from None
        if len(data) > _MAX_SECRET:
            raise SecretUnreadable(f"secret {id}: {name} is longer than {_MAX_SECRET // 1024} KiB")
        return data

    if not os.path.exists(path):
        raise SecretNotFound(id, f"there is no file {name}")
    return read


def agents(texts: Iterable[str], environ: Mapping[str, str], hold: Callable[[Sequence[str]], str]) -> dict[str, str]:
    """Return the sockets of SSH agents by ID. Each text is ``ID``, ``ID=SOCKET`` or ``ID=KEY[,KEY]``.

    With an ID alone it is the agent of SSH_AUTH_SOCK; `hold` returns the socket of one that has the keys in some files.
    Raises InvalidError, NotFoundError, and what `hold` raises.
    """
    found = {}
    for text in texts:
        id, equals, rest = text.partition("=")
        paths = rest.split(",")
        if not id or (equals and not all(paths)):
            raise InvalidError(f"invalid --ssh {text!r}", hint="write default, ID=SOCKET or ID=KEY")
        if not equals:
            paths = [environ.get(_SOCKET, "")]
            if not paths[0]:
                raise NotFoundError(
                    f"--ssh {id}: no agent is running: {_SOCKET} is not set",
                    hint=f"start one, and add your key: eval $(ssh-agent); ssh-add; or name the key: --ssh {id}=KEY",
                )
        paths = [os.path.abspath(os.path.expanduser(path)) for path in paths]
        sockets = [path for path in paths if _is_socket(id, path)]
        if sockets and len(paths) > 1:
            raise InvalidError(f"invalid --ssh {text!r}: there is one socket to an ID", hint="give each an ID")
        found[id] = sockets[0] if sockets else hold(paths)
    return found


def _is_socket(id: str, path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError as error:
        raise NotFoundError(f"--ssh {id}: {path}: {(error.strerror or str(error)).lower()}") from None


def entitlements(texts: Iterable[str], network: str) -> frozenset[str]:
    """Return what RUN steps may ask for; ``--network=host`` for all of them says it, too. Raises InvalidError."""
    allowed = {part for text in texts for part in text.split(",")}
    unknown = sorted(allowed - set(ENTITLEMENTS))
    if unknown:
        raise InvalidError(f"unknown entitlement {unknown[0]!r}", hint=f"there are {' and '.join(ENTITLEMENTS)}")
    return frozenset(allowed | ({"network.host"} if network == "host" else set()))
