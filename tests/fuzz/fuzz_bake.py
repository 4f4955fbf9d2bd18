"""Feeds hostile text to the language of bake files: HCL, JSON, compose files, and the targets that come of them.

By hand: ``python tests/fuzz/fuzz_bake.py [SECONDS]``. Known texts are mutated at random. Anything but one of
boxwright's own errors is a finding: the input is printed.
"""

from __future__ import annotations

import random
import sys
import time

from boxwright.bake.definition import File, read
from boxwright.bake.scope import Outside
from boxwright.bake.selection import select
from boxwright.errors import InvalidError, NotFoundError, UnsupportedError

SEEDS = (
    'variable "A" {\n type = list(string)\n default = ["x"]\n validation {\n condition = length(A) > 0\n'
    ' error_message = "no ${A[0]}"\n }\n}\ntarget "default" { args = { a = join(",", A) } }\n',
    'function "f" {\n params = [a]\n variadic_params = b\n result = "${a}${join("-", b)}"\n}\n'
    'target "default" {\n matrix = { i = [1, 2], j = ["a"] }\n name = "t-${i}-${j}"\n tags = [f(i, j...)]\n}\n',
    'target "a" { inherits = ["b", "c"] }\ntarget "b" { contexts = { x = "target:c" } }\ntarget "c" {}\n'
    'group "default" { targets = ["a", "default", "g"] }\ngroup "g" { targets = ["*"] }\n',
    "A = <<-EOT\n  %{ for k, v in {a = 1} ~}\n  ${k}=${~ v ~}\n  %{ endfor }\nEOT\n"
    'B = A == "" ? [for x in [1] : x if x > 0] : {for k, v in {} : k => v...}\n'
    'target "default" { args = { c = try(B[*].x, A, "%{if true}a%{else}b%{endif}") } }\n',
    'target "default" {\n output = ["type=local,dest=x", { type = "oci" }]\n secret = ["id=a,env=b"]\n'
    ' attest = ["type=sbom"]\n cache-from = ["a,b"]\n ssh = ["default=a,b"]\n}\n',
    '{"variable": {"A": {"default": "${1 + 1}"}}, "target": {"default": {"args": {"a": "${A}"}, "tags": ["%{if true}x'
    '%{endif}"]}}}',
    "services:\n  a:\n    image: ${X:-y}\n    build: &b\n      args: [A=1, B]\n      ulimits: {n: {soft: 1, hard: 2}}\n"
    "  b:\n    extends: a\n    build:\n      <<: *b\n      x-bake: {tags: a b}\n",
)
ALPHABET = "\\`'\"$#{}[]()<>=:;,.*?!-/%&|~^ \t\n\r\0é☺0aA_"
PIECES = ("${", "%{", "}", "<<A\n", "A\n", "for a in ", "target.a.tags", "try(", "...", "[*]", ".*", "=>", " ? ", " : ")
NAMES = ("docker-bake.hcl", "docker-bake.json", "compose.yaml", "-")


def exercise(text: str, name: str) -> None:
    """Read `text` as a file of this name. Raises whatever is not one of the errors that are promised."""
    content = text.encode("utf-8", "surrogatepass")
    try:
        # Whatever file it includes or extends has the same text.
        definition = read([File(name, content)], Outside({"A": "1"}.get), {"X": "x"}, lambda path: File(path, content))
        select(definition, ["default"], [])
    except (InvalidError, UnsupportedError, NotFoundError):
        pass  # a refusal is an answer


def mutate(text: str, chance: random.Random) -> str:
    """Return `text` with a few random pieces dropped, doubled, replaced or put in."""
    chars = list(text)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(chars) + 1)
        end = at + chance.randint(0, 6)
        match chance.randrange(5):
            case 0:
                del chars[at:end]
            case 1:
                chars[at:at] = chars[at:end] * chance.randint(1, 4)
            case 2:
                chars[at:end] = chance.choices(ALPHABET, k=chance.randint(0, 4))
            case 3:
                chars[at:at] = chance.choice(PIECES)
            case _:
                other = chance.choice(SEEDS)
                start = chance.randrange(len(other))
                chars[at:at] = other[start : start + chance.randint(1, 40)]
    return "".join(chars)


def run(chance: random.Random, *, rounds: int | None = None, seconds: float = 0.0) -> int:
    """Try mutated texts, `rounds` of them or for some seconds; return how many. Raises with the input on a finding."""
    end, done = time.monotonic() + seconds, 0
    while done < rounds if rounds is not None else time.monotonic() < end:
        name = chance.choice(NAMES)
        text = mutate(chance.choice(SEEDS), chance)
        begun = time.monotonic()
        try:
            exercise(text, name)
        except BaseException:
            print(f"{name}: {text!r}", file=sys.stderr)
            raise
        if rounds is None and time.monotonic() - begun > 5:
            print(f"slow: {name}: {text!r}", file=sys.stderr)
        done += 1
    return done


if __name__ == "__main__":
    print(run(random.Random(), seconds=float(sys.argv[1]) if len(sys.argv) > 1 else 60.0), "texts")
