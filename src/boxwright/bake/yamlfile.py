"""YAML → values, as compose files mean it: ``yes`` is a text, ``22:22`` is no number; sizes and nesting are bounded."""

from __future__ import annotations

from typing import Any

from boxwright.bake.mistakes import BakeError, BakeFileError
from boxwright.bake.values import Value
from boxwright.dockerfile.source import Source, Span
from boxwright.errors import UnsupportedError

_MAX_DEPTH = 50
_MAX_NODES = 100_000
_NULL = r"(?:~|null|Null|NULL|)$"
_BOOL = r"(?:true|True|TRUE|false|False|FALSE)$"
_INT = r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$"
_FLOAT = r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$"


class YamlMissing(UnsupportedError):
    """A compose file is to be read, and the package for it is not there."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is a compose file, and the package that reads YAML is not installed",
            hint="pip install 'boxwright[bake]', or write a docker-bake.hcl",
        )


def parse_yaml(source: Source) -> dict[str, Value]:
    """Return the mapping that a file is. Raises YamlMissing, BakeFileError."""
    try:
        import yaml
    except ImportError:
        raise YamlMissing(source.name) from None
    loader = _loader(yaml)
    try:
        found = _plain(yaml.load(source.text, Loader=loader), source, _Count())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = min(mark.line + 1 if mark is not None else 1, max(len(source.lines()), 1))
        raise BakeFileError(f"it is no YAML: {error.problem}", Span(source, line, line)) from None
    except (yaml.YAMLError, ValueError) as error:
        raise BakeError(f"{source.name} is no YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise BakeError(f"{source.name} is nested too deeply") from None
    if not isinstance(found, dict):
        raise BakeError(f"{source.name} has to be a mapping")
    return found


def _loader(yaml: Any) -> Any:
    """Return a class that reads scalars by the rules of YAML 1.2, and refuses a key that is there twice."""
    import re

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # of a package that may be missing
        yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the class's own, as PyYAML has it

        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            # Before it is read any further: the time that PyYAML takes grows with the square of the depth.
            self.depth += 1
            if self.depth > _MAX_DEPTH:
                mark = self.peek_event().start_mark
                raise yaml.composer.ComposerError(None, None, "it is nested too deeply", mark)
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            seen = set()
            for key, _ in node.value:
                if key.tag != "tag:yaml.org,2002:merge" and isinstance(key.value, str):
                    if key.value in seen:
                        raise yaml.constructor.ConstructorError(
                            None, None, f"{key.value[:100]} is there twice", key.start_mark
                        )
                    seen.add(key.value)
            return super().construct_mapping(node, deep=deep)

    def integer(loader: Any, node: Any) -> Value:
        text = loader.construct_scalar(node)
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text[:100], 10)

    tags: tuple[tuple[str, str, str], ...] = (
        ("null", _NULL, "~nN"),
        ("bool", _BOOL, "tTfF"),
        ("int", _INT, "-+0123456789"),
        ("float", _FLOAT, "-+.0123456789"),
        ("merge", r"<<$", "<"),
    )
    for name, pattern, first in tags:
        Loader.add_implicit_resolver(
            f"tag:yaml.org,2002:{name}", re.compile(pattern), [*first, *([""] * (name == "null"))]
        )
    Loader.add_constructor("tag:yaml.org,2002:int", integer)
    return Loader


class _Count:
    """How many values there are: aliases of aliases would be more than fit anywhere."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = _MAX_NODES


def _plain(value: Any, source: Source, count: _Count, depth: int = 0) -> Value:
    """Return a value of its own, without aliases."""
    count.left -= 1
    if count.left < 0 or depth > _MAX_DEPTH:
        raise BakeError(f"{source.name} holds too much")

    def again(each: Any) -> Value:
        return _plain(each, source, count, depth + 1)

    if isinstance(value, dict):
        return {_key(key, source): again(each) for key, each in value.items()}
    if isinstance(value, list):
        return [again(each) for each in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise BakeError(f"{source.name} has a value of a kind that compose files don't have: {type(value).__name__}")


def _key(key: Any, source: Source) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, (str, int, float)):
        return str(key)
    raise BakeError(f"{source.name} has a key that is no text")
