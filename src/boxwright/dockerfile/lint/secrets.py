"""Rules about what must not be read by everyone who has the image."""

from __future__ import annotations

import re
from collections.abc import Iterator

from boxwright.dockerfile.instructions import Add, Arg, Copy, Env, Run, keyword
from boxwright.dockerfile.lint.rule import Finding, Rule, Subject, everywhere
from boxwright.dockerfile.secret_names import is_secret_name

_LITERALS = (
    (
        "a password",
        re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@'\"$<{]{1,100}:([^\s/:@'\"$<{*%][^\s/@'\"$<{]{2,200})@"),
    ),
    ("an AWS access key", re.compile(r"\b((?:AKIA|ASIA)[A-Z2-7]{16})\b")),
    ("a GitHub token", re.compile(r"\b(gh[opsur]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{60,})\b")),
    ("a GitLab token", re.compile(r"\b(glpat-[A-Za-z0-9_-]{20,})")),
    ("a Slack token", re.compile(r"\b(xox[abprs]-[A-Za-z0-9-]{20,})")),
    ("a private key", re.compile(r"(-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----)")),
)
# What documentation and examples put in place of a secret.
_PLACEHOLDERS = re.compile(
    r"example|x{3,}|\.{3}|your|change_?me|dummy|^(?:password|passwd|pass|secret|token)$", re.IGNORECASE
)


def _names(subject: Subject) -> Iterator[Finding]:
    for instruction in everywhere(subject.dockerfile):
        if isinstance(instruction, Arg):
            names = [value.name for value in instruction.values]
        elif isinstance(instruction, Env):
            names = [name for name, _ in instruction.pairs]
        else:
            continue
        for name in names:
            if is_secret_name(name):
                yield Finding(
                    f'{keyword(instruction)} "{name}" stays readable in the image: it is no place for a secret',
                    instruction.span,
                    name,
                )


def _literals(subject: Subject) -> Iterator[Finding]:
    for instruction in everywhere(subject.dockerfile):
        texts = [instruction.original]
        if isinstance(instruction, Run | Copy | Add):
            texts += [heredoc.raw for heredoc in instruction.heredocs]
        for text in texts:
            for what, pattern in _LITERALS:
                for match in pattern.finditer(text):
                    if not _PLACEHOLDERS.search(match[1]):
                        yield Finding(
                            f"{what} is written into the image's history, where everyone who has it can read it",
                            instruction.span,
                            match[1],
                        )


RULES = (
    Rule(
        "SecretsUsedInArgOrEnv",
        "Neither ARG nor ENV holds a secret",
        "Both are in the image's configuration or history. `RUN --mount=type=secret` shows a command a secret "
        "without leaving it behind.",
        _names,
        bad="FROM busybox:1\nARG API_TOKEN",
        good="FROM busybox:1\nRUN --mount=type=secret,id=api-token cat /run/secrets/api-token",
    ),
    Rule(
        "SecretInText",
        "No password, key or token is written in the file",
        "Every instruction is in the history of the image. Found are passwords in URLs, private keys, and tokens of "
        "AWS, GitHub, GitLab and Slack by their form; what looks like a placeholder is left alone.",
        _literals,
        bad="FROM busybox:1\nRUN wget https://ada:hunter22@example.com/tool",
        good="FROM busybox:1\nRUN --mount=type=secret,id=login,env=LOGIN wget https://$LOGIN@example.com/tool",
        own=True,
    ),
)
