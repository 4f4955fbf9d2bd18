"""TLS contexts, with docker's certificate directories: ``certs.d/<host:port>/{*.crt, *.cert, *.key}``."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

from boxwright.errors import UnavailableError
from boxwright.host.paths import Path
from boxwright.remote.headers import Origin


class UnusableCertificate(UnavailableError):
    """A file in a certificate directory cannot be used."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"cannot use the certificate {path}: {why}")
        self.path = path


def default_context() -> ssl.SSLContext:
    """Return a context that verifies by the system's authorities, as strictly as docker and podman do.

    Python 3.13 also wants every authority to say what its key is for (RFC 5280 §4.2.1.3), and so refuses private ones
    that everything else takes.
    """
    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def client_context(
    origin: Origin, *, verify: bool, directories: Sequence[Path], authorities: Sequence[Path] = ()
) -> ssl.SSLContext:
    """Return the context for connections to `origin`.

    The system's authorities count, together with the files `authorities` and every ``*.crt`` in the host's directory; a
    ``*.cert`` with its ``*.key`` is the client's certificate. Without `verify` any certificate will do. Raises
    UnusableCertificate.
    """
    if verify:
        context = default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    for path in authorities:
        try:
            context.load_verify_locations(cafile=path)
        except (ssl.SSLError, OSError) as error:
            raise UnusableCertificate(path, error.strerror or str(error)) from None
    for directory in _host_directories(origin, directories):
        for path in sorted(directory.iterdir()):
            try:
                if path.suffix == ".crt":
                    context.load_verify_locations(cafile=path)
                elif path.suffix == ".cert":
                    context.load_cert_chain(path, path.with_suffix(".key"))
            except (ssl.SSLError, OSError) as error:
                raise UnusableCertificate(path, error.strerror or str(error)) from None
    return context


def _host_directories(origin: Origin, directories: Sequence[Path]) -> list[Path]:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    names = [f"{host}:{origin.port}"] + ([host] if origin.port == 443 else [])
    return [path for directory in directories for name in names if (path := directory / name).is_dir()]
