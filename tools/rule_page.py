"""The reference page of the rules for Dockerfiles, from the rules themselves."""

from __future__ import annotations

from boxwright.dockerfile.lint.rule import Rule
from boxwright.dockerfile.lint.rules import RULES

_INTRODUCTION = """# Rules for Dockerfiles

Made from the code by `make docs`.

`boxwright build --check .` reads a Dockerfile, plans its build and tells what is not advised, without building or
fetching anything. Its exit code is 1 when it found something. `--call=check,format=json` prints the same as buildx's
JSON. A build warns, too, but only of what is sure to be meant differently.

```text
JSONArgsRecommended: CMD ["…"] would hand signals to the program, a shell keeps them
  Dockerfile:4
    4 | CMD httpd -f
      | ^^^^^^^^^^^^

check complete, 1 warning
```

A comment at the very top of the file says what is wanted of the rules, and `--build-arg BUILDKIT_DOCKERFILE_CHECK=…`
says it for one build, in place of that comment:

| | |
|---|---|
| `# check=skip=JSONArgsRecommended,UndefinedVar` | these rules are not asked; `skip=all`: none is |
| `# check=error=true` | a build that would warn fails before its first step |
| `# check=experimental=InvalidDefinitionDescription` | this rule is asked, too; `experimental=all`: all such are |
| `# check=skip=UndefinedVar;error=true` | several of them |

What base images add is known of those that are in the store. Of variables in what is built on others nothing is said.
"""
_OWN = """## Rules of boxwright's own

They find what makes images bigger, slower to build or less safe than they need be.
"""


def page() -> str:
    """Return the whole page."""
    parts = [_INTRODUCTION, "## BuildKit's rules\n\nThey have the names that BuildKit gives them.\n"]
    parts += [_section(rule) for rule in RULES if not rule.own]
    parts += [_OWN, *(_section(rule) for rule in RULES if rule.own)]
    return "\n".join(parts)


def _section(rule: Rule) -> str:
    lines = [f"### {rule.name}\n", f"{rule.summary}. {rule.reason}\n"]
    if rule.experimental:
        lines.append("Asked only where `experimental=` says so.\n")
    elif not rule.in_builds:
        lines.append("Asked by `--check`, not by builds.\n")
    for title, text in (("Instead of", rule.bad), ("write", rule.good)):
        if text:
            lines += [f"{title}\n", "```dockerfile", text, "```\n"]
    return "\n".join(lines)
