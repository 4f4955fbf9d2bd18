"""Which repositories need whose signatures: a file of rules.

    default = "allow"                            # or "refuse": what no rule names

    [[rule]]
    repository = "registry.example.com/prod/**"  # * stands for one part of a name, ** for any number
    keys = ["prod.pub", "/etc/keys/release.pub"] # beside the file, or absolute
    threshold = 1                                # how many of the keys must have signed

    [[rule]]
    repository = "docker.io/library/*"
    action = "allow"                             # or "refuse"

The first rule that fits a repository's full name counts.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from boxwright.errors import DeniedError, InvalidError
from boxwright.host.paths import Path
from boxwright.signing.keys import MAX_KEY_BYTES, PublicKey
from boxwright.values import NamedTuple

Action = Literal["allow", "refuse", "verify"]

_RULE_FIELDS = {"repository": str, "keys": list, "threshold": int, "action": str}


class InvalidPolicy(InvalidError):
    """A policy file that doesn't say clearly what it wants."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}", hint="docs/how-to/sign-images.md shows a policy")
        self.path = path


class RefusedByPolicy(DeniedError):
    """An image that the policy doesn't let in."""

    def __init__(self, name: str, why: str, path: Path, hint: str | None = None) -> None:
        super().__init__(f"{name} is refused: {why}", detail=[f"the policy is {path}"], hint=hint)
        self.name = name


class Rule(NamedTuple):
    """What is asked of the repositories that a pattern names."""

    repository: str
    action: Action
    keys: tuple[PublicKey, ...] = ()
    threshold: int = 1

    def fits(self, repository: str) -> bool:
        return _pattern(self.repository).fullmatch(repository) is not None


class Policy(NamedTuple):
    path: Path
    rules: tuple[Rule, ...]
    default: Action

    def rule(self, repository: str) -> Rule:
        """Return what counts for a repository's full name (``docker.io/library/debian``)."""
        for rule in self.rules:
            if rule.fits(repository):
                return rule
        return Rule("**", self.default)


def load_policy(path: Path) -> Policy:
    """Read a policy and the keys that it names.

    Raises InvalidPolicy, also where the file isn't there; InvalidKey, SigningUnavailable.
    """
    import tomllib

    try:
        table = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise InvalidPolicy(path, (error.strerror or str(error)).lower()) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidPolicy(path, str(error)) from None
    unknown = sorted(table.keys() - {"default", "rule"})
    if unknown:
        raise InvalidPolicy(path, f"{unknown[0]} is nothing that a policy has")
    default = table.get("default", "allow")
    if default not in ("allow", "refuse"):
        raise InvalidPolicy(path, f"default = {default!r} is neither allow nor refuse")
    rules = table.get("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise InvalidPolicy(path, "rules are written [[rule]]")
    return Policy(path, tuple(_rule(path, number, rule) for number, rule in enumerate(rules, 1)), default)


def _rule(path: Path, number: int, table: dict[str, Any]) -> Rule:
    where = f"rule {number}"
    for name, value in table.items():
        kind = _RULE_FIELDS.get(name)
        if kind is None:
            raise InvalidPolicy(path, f"{where}: {name} is nothing that a rule has")
        if type(value) is not kind:
            raise InvalidPolicy(path, f"{where}: {name} = {value!r} is not what it takes")
    repository = table.get("repository")
    if not repository:
        raise InvalidPolicy(path, f"{where}: repository is missing")
    action, names = table.get("action"), table.get("keys")
    if (action is None) == (names is None):
        raise InvalidPolicy(path, f"{where}: it has either keys or an action")
    if action is not None:
        if action not in ("allow", "refuse") or "threshold" in table:
            raise InvalidPolicy(path, f"{where}: its action is allow or refuse, and needs no threshold")
        return Rule(repository, action)
    assert names is not None, "one of the two is there"
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidPolicy(path, f"{where}: keys are the names of one file or more")
    keys = tuple(_key(path, name) for name in names)
    distinct = {key.fingerprint for key in keys}
    threshold = table.get("threshold", 1)
    if not 1 <= threshold <= len(distinct):
        raise InvalidPolicy(path, f"{where}: threshold is from 1 to the number of different keys")
    return Rule(repository, "verify", keys, threshold)


def _key(policy: Path, name: str) -> PublicKey:
    path = policy.parent / name
    try:
        with open(path, "rb") as stream:
            return PublicKey.parse(stream.read(MAX_KEY_BYTES), str(path))
    except OSError as error:
        raise InvalidPolicy(policy, f"{name}: {(error.strerror or str(error)).lower()}") from None


def _pattern(text: str) -> re.Pattern[str]:
    parts = {"**": ".*", "*": "[^/]*"}
    return re.compile("".join(parts.get(part) or re.escape(part) for part in re.split(r"(\*\*|\*)", text)))
