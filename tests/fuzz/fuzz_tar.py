"""Throw damaged archives at the tar reader and at apply; nothing but their own errors may come back.

    python tests/fuzz/fuzz_tar.py [seconds]

With atheris installed it steers the mutations by coverage; without, they are random, from a seed that is printed.
"""

from __future__ import annotations

import io
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from boxwright.layer.apply import ApplyFailed, InvalidLayer, apply_layer
from boxwright.layer.diff import measure_layer
from boxwright.layer.reader import MalformedTar, read_entries
from boxwright.layer.writer import ReservedName
from support.raw_tar import BLOCK, END, gnu_long, header, member, padded, pax
from support.trees import ROOTLESS

CANARY = "canary"
_SPARSE = padded(b"2\n0\n4\n600\n6\n") + b"headmiddle"


def corpus() -> list[bytes]:
    """A few archives that use everything that the format has."""
    sparse_records = [
        (b"GNU.sparse.major", b"1"),
        (b"GNU.sparse.minor", b"0"),
        (b"GNU.sparse.name", b"sparse"),
        (b"GNU.sparse.realsize", b"700"),
    ]
    return [
        header(b"d", b"5") + member(b"d/f", b"content") + header(b"d/l", b"2", link=b"../x") + END,
        header(b"a", b"2", link=b"../..") + member(b"a/canary", b"hit") + header(b"a", b"1", link=b"a/canary") + END,
        gnu_long(b"L", b"n" * 150) + gnu_long(b"K", b"t" * 150) + header(b"x", b"2", link=b"t") + END,
        pax([(b"path", b"p" * 120), (b"mtime", b"1.5"), (b"SCHILY.xattr.user.a", b"b")]) + member(b"x", b"1") + END,
        pax([(b"comment", b"c")], b"g") + pax(sparse_records) + member(b"s", _SPARSE) + member(b"t", b"after") + END,
        pax([(b"GNU.sparse.map", b"0,4,600,6"), (b"GNU.sparse.size", b"700")]) + member(b"s", b"headmiddle") + END,
        header(b".wh.a") + header(b"d/.wh..wh..opq") + member(b"d/x", b"y") + header(b"d", b"5") + header(b"a/b") + END,
        header(b"p", b"6") + header(b"p", b"5") + header(b"p/q", b"1", link=b"p") + header(b"c", b"3", major=1) + END,
    ]


def mutated(data: bytes, random_: random.Random) -> bytes:
    """Damage an archive in a few places, and mend the checksums, so that the damage is looked at."""
    block = bytearray(data)
    for _ in range(random_.randint(1, 6)):
        at = random_.randrange(len(block))
        match random_.randrange(6):
            case 0:
                block[at] ^= 1 << random_.randrange(8)
            case 1:
                block[at] = random_.choice(b"\0\xff/.0179x=\n ")
            case 2:
                field = at - at % BLOCK
                start = field + random_.choice((0, 100, 108, 124, 136, 156, 157, 257, 345))
                block[start : start + 4] = random_.choice(
                    (b"../.", b"7777", b"\x80\0\0\0", b"\xff\xff\xff\xff", b".wh.")
                )
            case 3:
                del block[at : at + random_.choice((1, BLOCK, 3 * BLOCK))]
            case 4:
                start = at - at % BLOCK
                block[start:start] = block[: random_.choice((BLOCK, 2 * BLOCK))]
            case 5:
                block = block[:at]
        if not block:
            return b""
    for start in range(0, len(block) - BLOCK + 1, BLOCK):
        if block[start + 257 : start + 262] == b"ustar":
            block[start + 148 : start + 156] = b" " * 8
            block[start + 148 : start + 156] = b"%06o\0 " % sum(block[start : start + BLOCK])
    return bytes(block)


def check(data: bytes, directory: Path) -> None:
    """Read and apply one archive in an empty `directory`. Raises whatever is not an error of ours, and AssertionError
    when anything outside the target was touched."""
    try:
        for _, content in read_entries(io.BytesIO(data)):
            if content is not None:
                pieces = 0
                while pieces < 64 and content.read(1 << 16):
                    pieces += 1
    except MalformedTar:
        pass
    target = directory / "fs"
    canary = directory / CANARY
    canary.write_text("untouched")
    before = canary.stat()
    applied = None
    try:
        applied = apply_layer(io.BytesIO(data), target, rootless=True)
    except (MalformedTar, InvalidLayer, ApplyFailed):
        pass
    assert sorted(path.name for path in directory.iterdir()) in ([CANARY], [CANARY, "fs"])
    after = canary.stat()
    assert canary.read_text() == "untouched"
    assert (before.st_mode, before.st_nlink, before.st_mtime_ns) == (after.st_mode, after.st_nlink, after.st_mtime_ns)
    # Only root can read whatever has been made.
    if applied is not None and not ROOTLESS and applied.content < 1 << 24:
        try:
            measure_layer(target)
        except ReservedName as error:
            raise AssertionError("a reserved name was applied") from error


def _once(data: bytes) -> None:
    directory = Path(tempfile.mkdtemp(prefix="fuzz-tar-"))
    try:
        check(data, directory)
    finally:
        shutil.rmtree(directory)


def main() -> None:
    try:
        import atheris
    except ImportError:
        seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
        seed = random.randrange(1 << 32)
        print(f"seed {seed}", flush=True)
        random_ = random.Random(seed)
        seeds = corpus()
        end = time.monotonic() + seconds
        rounds = 0
        while time.monotonic() < end:
            data = mutated(random_.choice(seeds), random_)
            try:
                _once(data)
            except BaseException:
                Path("crash.tar").write_bytes(data)
                print("the archive is in crash.tar", file=sys.stderr)
                raise
            rounds += 1
        print(f"{rounds} archives, no surprise")
        return
    atheris.Setup(sys.argv, _once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
