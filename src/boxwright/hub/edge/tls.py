"""TLS: certificates that are read again when they change, and the users that clients' certificates prove."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boxwright.errors import InvalidError
from boxwright.hub.configfile import Section
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    import ssl

_log = logging.getLogger(__name__)

REQUIRED = "required"
OPTIONAL = "optional"


class InvalidTLS(InvalidError):
    """Files or settings of TLS that cannot be used."""

    def __init__(self, why: str, *, hint: str | None = None) -> None:
        super().__init__(f"cannot use TLS: {why}", hint=hint)


class TLSSettings(NamedTuple):
    """[tls]: how it proves itself, and what clients must prove."""

    certificate: Path | None = None
    """PEM: the server's certificate, and those that lead from it to the authority's. None: no TLS."""
    key: Path | None = None
    """The key of `certificate`, where that file does not hold it."""
    client_ca: Path | None = None
    """PEM: the authorities of clients' certificates. None: clients aren't asked for one."""
    client: str = REQUIRED
    """With `client_ca`: REQUIRED, or OPTIONAL, which lets in clients without a certificate as well."""


def read_tls(section: Section) -> TLSSettings:
    """Raises InvalidSetting."""
    settings = TLSSettings(
        certificate=section.path("cert", None),
        key=section.path("key", None),
        client_ca=section.path("client-ca", None),
        client=section.text("client", REQUIRED, choices=(REQUIRED, OPTIONAL)),
    )
    if settings.certificate is None:
        for key, value in (("key", settings.key), ("client-ca", settings.client_ca)):
            if value is not None:
                raise section.error(key, "needs a certificate, too: cert")
    return settings


class Certificates:
    """The files of TLS, and the context made of them, which every new connection takes."""

    __slots__ = ("_context", "_settings", "_stamps")

    def __init__(self, settings: TLSSettings) -> None:
        """Raises InvalidTLS."""
        self._settings = settings
        self._stamps = self._read_stamps()
        self._context = self._build()

    @property
    def context(self) -> ssl.SSLContext:
        """The context of today's files. Connections that began with another one keep that."""
        return self._context

    def reload(self) -> bool:
        """Read the files again; False, and everything stays as it was, when they cannot be used. For a thread."""
        stamps = self._read_stamps()
        try:
            context = self._build()
        except InvalidTLS as error:
            self._stamps = stamps  # said once, and again when they change again
            _log.warning("the TLS certificate stays as it was: %s", error)
            return False
        self._context, self._stamps = context, stamps
        _log.info("the TLS certificate was read again")
        return True

    def refresh(self) -> bool:
        """Reload when a file changed; whether it was reloaded. For a thread."""
        return self._read_stamps() != self._stamps and self.reload()

    def _files(self) -> list[Path]:
        settings = self._settings
        return [path for path in (settings.certificate, settings.key, settings.client_ca) if path is not None]

    def _read_stamps(self) -> list[tuple[int, int, int] | None]:
        stamps: list[tuple[int, int, int] | None] = []
        for path in self._files():
            try:
                status = path.stat()
            except OSError:
                stamps.append(None)  # being replaced, or gone: the next look tells
            else:
                stamps.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return stamps

    def _build(self) -> ssl.SSLContext:
        import ssl

        settings = self._settings
        if settings.certificate is None:
            raise InvalidTLS("a key or an authority without a certificate", hint="add --tls-cert FILE")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Not h2: a blob is one long stream, and multiplexing it only costs.
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(settings.certificate, settings.key, password=_no_password)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise InvalidTLS(f"{settings.certificate}: {_reason(error)}") from None
        if settings.client_ca is not None:
            try:
                context.load_verify_locations(settings.client_ca)
            except (OSError, ValueError) as error:
                raise InvalidTLS(f"{settings.client_ca}: {_reason(error)}") from None
            required = settings.client == REQUIRED
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        return context


def _no_password() -> str:
    # Asked for on a terminal otherwise, or for ever where there is none.
    raise ValueError("the key is encrypted; write it without a password: openssl pkey -in KEY -out PLAIN")


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def certificate_user(tls: ssl.SSLObject) -> str:
    """Return the common name of the certificate that a client has shown and proven; "" without one."""
    # Of what ssl declares loosely, this is the part that it documents.
    subject: Any = (tls.getpeercert() or {}).get("subject", ())
    return next((str(value) for attributes in subject for name, value in attributes if name == "commonName"), "")
