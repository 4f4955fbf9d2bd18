"""Tables of nftables, asked and changed over netlink.

Rules are a language of their own, for which there is the ``nft`` program (4 ms to start). What comes and goes with
every container is only an element of a map, and that is a few bytes: the key and the value as the rules see them, each
field padded to four bytes, in the network's byte order.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Sequence
from typing import Self

from boxwright.host import process
from boxwright.host.netlink import (
    NETLINK_NETFILTER,
    NLM_F_CREATE,
    Netlink,
    Request,
    attribute,
    attributes,
    each_attribute,
    message,
    nest,
    text,
)
from boxwright.values import NamedTuple

INET = 1
IPV4 = 2
"""Families of tables, as in ``table inet …`` and ``table ip …``."""

_SUBSYSTEM = 10
_BATCH_BEGIN = 16
_BATCH_END = 17

_DELTABLE = _SUBSYSTEM << 8 | 2
_GETCHAIN = _SUBSYSTEM << 8 | 4
_GETRULE = _SUBSYSTEM << 8 | 7
_DELRULE = _SUBSYSTEM << 8 | 8
_NEWSETELEM = _SUBSYSTEM << 8 | 12
_GETSETELEM = _SUBSYSTEM << 8 | 13
_DELSETELEM = _SUBSYSTEM << 8 | 14

_TABLE = 1  # the table's name is attribute 1 of every object
_CHAIN_NAME = 3
_CHAIN_POLICY = 5
_RULE_CHAIN = 2
_RULE_HANDLE = 3
_RULE_USERDATA = 7
_LIST_SET = 2
_LIST_ELEMENTS = 3
_LIST_ELEMENT = 1
_ELEMENT_KEY = 1
_ELEMENT_DATA = 2
_ELEMENT_USERDATA = 6
_DATA_VALUE = 1
_UDATA_COMMENT = 0

_PER_MESSAGE = 300  # elements: an attribute's length has 16 bits, an element takes at most 150 bytes
_COMMENT_LIMIT = 128  # characters, nft's own limit

_DROP = 0


class Element(NamedTuple):
    key: bytes
    value: bytes
    comment: str = ""


class Rule(NamedTuple):
    handle: int
    comment: str


class Nftables:
    """A connection to nftables in the network namespace where it was opened."""

    __slots__ = ("_netlink",)

    def __init__(self) -> None:
        self._netlink = Netlink(NETLINK_NETFILTER)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._netlink.close()

    def has_chain(self, family: int, table: str, chain: str) -> bool:
        return self._chain(family, table, chain) is not None

    def drops_by_default(self, family: int, table: str, chain: str) -> bool:
        """Tell whether a base chain exists and has the policy ``drop``."""
        parts = self._chain(family, table, chain)
        return parts is not None and parts.get(_CHAIN_POLICY) == struct.pack(">I", _DROP)

    def rules(self, family: int, table: str, chain: str) -> list[Rule]:
        """Return the rules of a chain in order; empty when there is no such chain."""
        payload = _family(family) + text(_TABLE, table) + text(_RULE_CHAIN, chain)
        request = Request(f"listing the rules of {table} {chain}", _GETRULE, payload, accept=(errno.ENOENT,))
        found = []
        for answer in self._netlink.dump(request):
            parts = attributes(answer[4:])
            if parts.get(_RULE_CHAIN) == chain.encode() + b"\0" and parts.get(_TABLE) == table.encode() + b"\0":
                handle = int.from_bytes(parts.get(_RULE_HANDLE, b""), "big")
                found.append(Rule(handle, _comment(parts.get(_RULE_USERDATA, b""))))
        return found

    def delete_rules(self, family: int, table: str, chain: str, handles: Iterable[int]) -> None:
        where = _family(family) + text(_TABLE, table) + text(_RULE_CHAIN, chain)
        self._transact(
            [
                Request("deleting a rule", _DELRULE, where + attribute(_RULE_HANDLE, handle.to_bytes(8, "big")))
                for handle in handles
            ]
        )

    def delete_table(self, family: int, table: str) -> None:
        """Delete a table with everything in it; a missing one is no error."""
        payload = _family(family) + text(_TABLE, table)
        self._transact([Request(f"deleting the table {table}", _DELTABLE, payload, accept=(errno.ENOENT,))])

    def elements(self, family: int, table: str, map_: str) -> list[Element]:
        """Return the elements of a map; empty when there is no such map."""
        payload = _family(family) + text(_TABLE, table) + text(_LIST_SET, map_)
        request = Request(f"listing the map {map_}", _GETSETELEM, payload, accept=(errno.ENOENT,))
        found = []
        for answer in self._netlink.dump(request):
            for kind, nested in each_attribute(attributes(answer[4:]).get(_LIST_ELEMENTS, b"")):
                if kind == _LIST_ELEMENT:
                    parts = attributes(nested)
                    key, value = _value(parts.get(_ELEMENT_KEY, b"")), _value(parts.get(_ELEMENT_DATA, b""))
                    found.append(Element(key, value, _comment(parts.get(_ELEMENT_USERDATA, b""))))
        return found

    def change_elements(
        self,
        family: int,
        table: str,
        *,
        delete: Sequence[tuple[str, Sequence[Element]]] = (),
        add: Sequence[tuple[str, Sequence[Element]]] = (),
    ) -> None:
        """Delete and then add elements of maps (each with its name), all or nothing.

        Raises NetlinkError: ENOENT for a table, a map or a deleted key that is missing, EEXIST for an added key that
        is there with another value.
        """
        self._transact([*_element_requests(_DELSETELEM, family, table, delete), *_additions(family, table, add)])

    def _chain(self, family: int, table: str, chain: str) -> dict[int, bytes] | None:
        payload = _family(family) + text(_TABLE, table) + text(_CHAIN_NAME, chain)
        request = Request(f"looking up the chain {table} {chain}", _GETCHAIN, payload, accept=(errno.ENOENT,))
        answer = self._netlink.get(request)
        return None if answer is None else dict(attributes(answer[4:]))

    def _transact(self, requests: Sequence[Request]) -> None:
        if requests:
            self._netlink.execute_batch(_OPENING, requests, _CLOSING)


def deletion(family: int, table: str, elements: Sequence[tuple[str, Sequence[Element]]]) -> bytes:
    """Return the datagram that deletes elements of maps, for a process that does nothing but send it."""
    requests = (_OPENING, *_element_requests(_DELSETELEM, family, table, elements), _CLOSING)
    return b"".join(
        message(request.kind, request.payload, request.flags, sequence) for sequence, request in enumerate(requests)
    )


def run_script(script: str) -> None:
    """Have the ``nft`` program execute a script, all of it or nothing. Raises CommandNotFound, CommandFailed."""
    nft = process.require("nft", hint="install it: apt-get install nftables")
    process.run([nft, "-f", "-"], stdin=script.encode())


def _additions(family: int, table: str, maps: Sequence[tuple[str, Sequence[Element]]]) -> list[Request]:
    requests = _element_requests(_NEWSETELEM, family, table, maps)
    return [request._replace(flags=NLM_F_CREATE) for request in requests]


def _element_requests(
    kind: int, family: int, table: str, maps: Sequence[tuple[str, Sequence[Element]]]
) -> list[Request]:
    requests = []
    for map_, elements in maps:
        for start in range(0, len(elements), _PER_MESSAGE):
            chunk = elements[start : start + _PER_MESSAGE]
            listed = nest(_LIST_ELEMENTS, *(_encode(element, keep=kind == _NEWSETELEM) for element in chunk))
            payload = _family(family) + text(_TABLE, table) + text(_LIST_SET, map_) + listed
            requests.append(Request(f"changing the map {map_}", kind, payload))
    return requests


def _encode(element: Element, *, keep: bool) -> bytes:
    parts = [nest(_ELEMENT_KEY, attribute(_DATA_VALUE, element.key))]
    if keep:
        parts.append(nest(_ELEMENT_DATA, attribute(_DATA_VALUE, element.value)))
        if element.comment:
            comment = element.comment.encode()[:_COMMENT_LIMIT] + b"\0"
            parts.append(attribute(_ELEMENT_USERDATA, bytes((_UDATA_COMMENT, len(comment))) + comment))
    return nest(_LIST_ELEMENT, *parts)


def _value(data: bytes) -> bytes:
    return attributes(data).get(_DATA_VALUE, b"")


def _comment(userdata: bytes) -> str:
    position = 0
    while position + 2 <= len(userdata):
        kind, length = userdata[position], userdata[position + 1]
        if kind == _UDATA_COMMENT:
            return userdata[position + 2 : position + 2 + length].rstrip(b"\0").decode(errors="replace")
        position += 2 + length
    return ""


def _family(family: int, resource: int = 0) -> bytes:
    return struct.pack(">BBH", family, 0, resource)


_OPENING = Request("opening a transaction", _BATCH_BEGIN, _family(0, _SUBSYSTEM))
_CLOSING = Request("closing a transaction", _BATCH_END, _family(0, _SUBSYSTEM))
