"""Feeds hostile text to the Dockerfile language: parser, stages, expansion, lint and .dockerignore.

By hand: ``python tests/fuzz/fuzz_dockerfile.py [SECONDS]``. With atheris installed its coverage leads the way; without,
known texts are mutated at random. Anything but one of boxwright's own errors is a finding: the input is printed.
"""

from __future__ import annotations

import random
import sys
import time

from boxwright.dockerfile.directives import Check
from boxwright.dockerfile.expand import expand
from boxwright.dockerfile.ignore import IgnoreRules
from boxwright.dockerfile.lint.rule import Subject
from boxwright.dockerfile.lint.runner import lint
from boxwright.dockerfile.source import Source
from boxwright.dockerfile.stages import dependencies, load, resolve_bases
from boxwright.errors import InvalidError, UnsupportedError

SEEDS = (
    "# escape=`\nFROM a AS b\nRUN c `\n  d\n",
    "# check=skip=all;error=true\nARG A=1 B\nFROM x:${A:-${B:-c}}\n",
    'FROM a AS b\nFROM c\nCOPY --from=0 --chown=1:2 --chmod=0644 ["a", "b"]\nADD $A /$P/\n',
    'FROM a\nENV a="b $c" d=\'e\' f=g\\ h\nENV x y z\nLABEL "k"=v\nWORKDIR ${P%/*}/${P##*/}/${P//a/b}\n',
    "FROM a\nHEALTHCHECK --interval=1m30s --retries=3 CMD x\nSTOPSIGNAL SIGRTMIN+3\n",
    "FROM a\nEXPOSE 80 8000-8010/udp [::1]:1:2 $A\n",
    'FROM a\nONBUILD COPY . /x\nVOLUME ["/a"]\nSHELL ["/bin/sh", "-c"]\nUSER a:b\nCMD ["a", 1]\n',
    "FROM a\nRUN cat <<EOF\nEOF\n",
    "FROM a\nCOPY . /a/\nRUN X='y z' apt-get update && (cd /a; sudo rm -rf \"/a/b\" $(x) `y`) || pip install -r r\n",
    "*.md\n!README.md\n**/x\na**b\n[a-z]?\\*/\n# c\n!\n",
)
ALPHABET = "\\`'\"$#{}[]()<>=:;,.*?!-/%&|~^ \t\n\r\0\x1b\x85é☺0aA_"


def exercise(text: str) -> None:
    """Run `text` through the whole language. Raises whatever is not one of the errors that are promised."""
    try:
        dockerfile = load(Source("Dockerfile", text))
        lint(Subject(dockerfile), Check(experimental_all=True), asked=True)
        resolved = resolve_bases(dockerfile, {"A": "a/b", "P": "x" * 50})
        dependencies(dockerfile, resolved)
        for stage in dockerfile.stages:
            for instruction in stage.instructions:
                expand(instruction, {"A": "a/b", "P": "x" * 50}, dockerfile.directives.escape)
    except (InvalidError, UnsupportedError):
        pass  # a refusal is an answer
    try:
        rules = IgnoreRules.parse(Source(".dockerignore", text))
        for path in ("a", "a/b", "README.md", "x/y/z"):
            rules.matches(path)
    except (InvalidError, UnsupportedError):
        pass  # a refusal is an answer


def mutate(text: str, chance: random.Random) -> str:
    """Return `text` with a few random pieces dropped, doubled, replaced or taken from another seed."""
    chars = list(text)
    for _ in range(chance.randint(1, 8)):
        start = chance.randrange(len(chars) + 1)
        end = min(len(chars), start + chance.randint(0, 12))
        piece = chars[start:end]
        match chance.randrange(4):
            case 0:
                piece = []
            case 1:
                piece = piece * chance.choice((2, 2, 3, 50))
            case 2:
                piece = [chance.choice(ALPHABET) for _ in range(chance.randint(1, 4))]
            case _:
                other = chance.choice(SEEDS)
                at = chance.randrange(len(other))
                piece = list(other[at : at + chance.randint(1, 30)])
        chars[start:end] = piece
    return "".join(chars)


def run(chance: random.Random, rounds: int | None = None, seconds: float = 0) -> int:
    """Exercise mutated seeds for a number of rounds, or for some seconds; return how many texts were tried."""
    deadline = time.monotonic() + seconds
    tried = 0
    while tried < rounds if rounds is not None else time.monotonic() < deadline:
        text = mutate(chance.choice(SEEDS), chance)
        try:
            exercise(text)
        except Exception:
            print(f"finding: {text!r}", file=sys.stderr)
            raise
        tried += 1
    return tried


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 and not sys.argv[1].startswith("-") else 30
    try:
        import atheris
    except ImportError:
        print(f"{run(random.Random(), seconds=seconds)} texts, no finding")
        return
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={seconds:.0f}"], lambda data: exercise(data.decode(errors="replace")))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
