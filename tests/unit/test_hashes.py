from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from boxwright import hashes


@pytest.mark.parametrize("data", [b"", b"abc", bytes(range(256)) * 5000])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_digests_are_hashlib_s(data: bytes, algorithm: str) -> None:
    assert hashes.hexdigest(data, algorithm) == hashlib.new(algorithm, data).hexdigest()


def test_what_is_small_is_hashed_without_openssl() -> None:
    code = (
        "import sys; from boxwright import hashes; print(hashes.hexdigest(b'abc'), '_hashlib' in sys.modules);"
        "print(hashes.hexdigest(bytes(1 << 20)), '_hashlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        hashlib.sha256(b"abc").hexdigest(),
        "False",
        hashlib.sha256(bytes(1 << 20)).hexdigest(),
        "True",
    ]
