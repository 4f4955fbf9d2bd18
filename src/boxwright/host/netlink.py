"""Netlink, spoken directly: messages, attributes, and a socket that waits for the kernel's answers.

A message is a header, a fixed part of the protocol's own and attributes; an attribute is a length, a number and bytes,
padded to four, and may hold attributes in turn. Everything is in the byte order of the machine, except what a
protocol declares to be in the network's.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

from boxwright.values import NamedTuple

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_DUMP = 0x300
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400

_NLM_F_DUMP_INTR = 0x10
_NLM_F_CAPPED = 0x100
_NLM_F_ACK_TLVS = 0x200

_NLMSG_ERROR = 2
_NLMSG_DONE = 3

_NLA_F_NESTED = 0x8000
_NLA_TYPE_MASK = 0x3FFF
_NLMSGERR_ATTR_MSG = 1

_SOL_NETLINK = 270
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
_NETLINK_GET_STRICT_CHK = 12

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")

_RECEIVE = 1 << 16  # bytes; the kernel's largest datagram of a dump is 32 KiB
_DUMP_ATTEMPTS = 20


class NetlinkError(OSError):
    """The kernel refused a request. ``request`` says which; the text has the kernel's own reason where it gave one."""

    def __init__(self, code: int, request: str, reason: str = "") -> None:
        super().__init__(code, f"{request}: {os.strerror(code)}" + (f" ({reason})" if reason else ""))
        self.request = request


class Request(NamedTuple):
    """One message to send. ``what`` names it for a person; an error among ``accept`` (errno numbers) is no error."""

    what: str
    kind: int
    payload: bytes
    flags: int = 0
    accept: tuple[int, ...] = ()


def attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """An unsigned number of 32 bits in the machine's byte order."""
    return attribute(kind, struct.pack("=I", value))


def nest(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | _NLA_F_NESTED, b"".join(attributes))


def each_attribute(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of every attribute; stops at one that does not fit."""
    position = 0
    while position + 4 <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, position)
        if length < 4 or position + length > len(data):
            return
        yield kind & _NLA_TYPE_MASK, data[position + 4 : position + length]
        position += length + 3 & ~3


def attributes(data: bytes) -> Mapping[int, bytes]:
    """Return attributes by their number, where each may come once."""
    return dict(each_attribute(data))


def as_text(value: bytes) -> str:
    return value.rstrip(b"\0").decode(errors="replace")


def message(kind: int, payload: bytes, flags: int, sequence: int) -> bytes:
    """Return one message with its header, padded."""
    length = _HEADER.size + len(payload)
    header = _HEADER.pack(length, kind, flags | NLM_F_REQUEST, sequence, 0)
    return header + payload + b"\0" * (-len(payload) % 4)


class Netlink:
    """A socket that speaks one netlink protocol in the network namespace where it was opened.

    Requests are sent together and answered in order. Not for use by several threads at once.
    """

    __slots__ = ("_sequence", "_socket")

    def __init__(self, protocol: int = NETLINK_ROUTE) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self._sequence = 0
        try:
            self._socket.bind((0, 0))
            for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
                self._ask_for(option)
        except BaseException:
            self._socket.close()
            raise

    def _ask_for(self, option: int) -> None:
        try:
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        except OSError:
            pass  # a kernel before 4.20: its errors have no text, its dumps are not filtered

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def execute(self, *requests: Request) -> None:
        """Have the kernel execute requests in order; raise NetlinkError for the first that failed.

        Later ones are tried even if one fails, so an error leaves whatever the others did.
        """
        if requests:
            first = self._send(requests, NLM_F_ACK)
            self._await(requests, first)

    def execute_batch(self, opening: Request, requests: Sequence[Request], closing: Request) -> None:
        """Have the kernel execute all requests or none; raise NetlinkError for the first that failed.

        `opening` and `closing` are the messages by which the protocol brackets a transaction.
        """
        acknowledged = [request._replace(flags=request.flags | NLM_F_ACK) for request in requests]
        first = self._send((opening, *acknowledged, closing), 0)
        self._await(requests, first + 1)

    def _await(self, requests: Sequence[Request], first: int) -> None:
        failure: NetlinkError | None = None
        waiting = len(requests)
        while waiting:
            for kind, flags, sequence, payload in self._receive():
                if kind != _NLMSG_ERROR or sequence < first - 1:
                    continue
                code = -_ERROR.unpack_from(payload)[0]
                if sequence == first - 1:  # the opening of a batch: none of it was looked at
                    raise NetlinkError(code, requests[0].what, _reason(flags, payload))
                waiting -= 1
                request = requests[sequence - first]
                if code and failure is None and code not in request.accept:
                    failure = NetlinkError(code, request.what, _reason(flags, payload))
        if failure is not None:
            raise failure

    def get(self, request: Request) -> bytes | None:
        """Return the payload that answers a question for one object, or None for an error among ``accept``."""
        first = self._send((request,), 0)
        while True:
            for kind, flags, sequence, payload in self._receive():
                if sequence < first:
                    continue
                if kind != _NLMSG_ERROR:
                    return payload
                code = -_ERROR.unpack_from(payload)[0]
                if code in request.accept:
                    return None
                raise NetlinkError(code, request.what, _reason(flags, payload))

    def dump(self, request: Request) -> list[bytes]:
        """Return the payloads of all objects that a question matches; empty for an error among ``accept``.

        A dump that was disturbed by a change is asked for again, so that no object is missed or seen twice.
        """
        for _ in range(_DUMP_ATTEMPTS):
            found = self._dump(request)
            if found is not None:
                return found
        raise NetlinkError(errno.EBUSY, request.what, "it keeps changing")

    def _dump(self, request: Request) -> list[bytes] | None:
        first = self._send((request,), NLM_F_DUMP)
        found: list[bytes] = []
        intact = True
        while True:
            for kind, flags, sequence, payload in self._receive():
                if sequence < first:
                    continue
                intact = intact and not flags & _NLM_F_DUMP_INTR
                if kind not in (_NLMSG_ERROR, _NLMSG_DONE):
                    found.append(payload)
                    continue
                code = -_ERROR.unpack_from(payload)[0] if len(payload) >= _ERROR.size else 0
                if code and code not in request.accept:
                    raise NetlinkError(code, request.what, _reason(flags, payload))
                return found if intact else None

    def _send(self, requests: Sequence[Request], flags: int) -> int:
        """Send requests as one datagram and return the sequence number of the first."""
        first = self._sequence + 1
        self._sequence += len(requests)
        self._socket.sendall(
            b"".join(
                message(request.kind, request.payload, request.flags | flags, first + index)
                for index, request in enumerate(requests)
            )
        )
        return first

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        data = self._socket.recv(_RECEIVE)
        position = 0
        while position + _HEADER.size <= len(data):
            length, kind, flags, sequence, _ = _HEADER.unpack_from(data, position)
            yield kind, flags, sequence, data[position + _HEADER.size : position + length]
            position += length + 3 & ~3


def _reason(flags: int, payload: bytes) -> str:
    if not flags & _NLM_F_ACK_TLVS:
        return ""
    start = _ERROR.size + _HEADER.size
    if not flags & _NLM_F_CAPPED:
        start = _ERROR.size + (_HEADER.unpack_from(payload, _ERROR.size)[0] + 3 & ~3)
    return as_text(attributes(payload[start:]).get(_NLMSGERR_ATTR_MSG, b""))
