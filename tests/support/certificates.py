"""Certificates for tests: an authority, and what it signs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from boxwright.host import process

_KIND = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]


class Signed(NamedTuple):
    """A certificate and its key, in files."""

    certificate: Path
    key: Path


class CertificateAuthority:
    """An authority in a folder. Skips the test where openssl is not installed."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        if process.find("openssl") is None:
            pytest.skip("openssl is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.certificate, self._key = folder / "ca.crt", folder / "ca.key"
        more = ["-addext", "keyUsage=critical,keyCertSign"]
        files = ["-keyout", str(self._key), "-out", str(self.certificate)]
        process.run(["openssl", "req", "-x509", *_KIND, "-subj", f"/CN={name}", *more, *files])

    def sign(self, name: str, *, files: str | None = None, host: str = "IP:127.0.0.1,DNS:localhost") -> Signed:
        """Return a certificate of the common name `name`, valid for a server at `host` and for a client."""
        certificate, key = (self.folder / f"{files or name}.{ending}" for ending in ("crt", "key"))
        by = ["-CA", str(self.certificate), "-CAkey", str(self._key), "-addext", f"subjectAltName={host}"]
        out = ["-keyout", str(key), "-out", str(certificate)]
        process.run(["openssl", "req", "-x509", *_KIND, "-subj", f"/CN={name}", *by, *out])
        return Signed(certificate, key)
