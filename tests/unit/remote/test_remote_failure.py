"""What a registry's refusals become."""

from __future__ import annotations

import json

import pytest

from boxwright.errors import DeniedError, InvalidError, NotFoundError, UnavailableError, UnsupportedError
from boxwright.remote.failure import Complaint, failure_of, parse_complaints


def _body(*errors: tuple[str, str]) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message} for code, message in errors]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (401, b"", DeniedError, "cannot pull x: the registry asks for a login"),
        (
            401,
            _body(("UNAUTHORIZED", "authentication required")),
            DeniedError,
            "cannot pull x: the registry asks for a login",
        ),
        (
            403,
            _body(("DENIED", "requested access…")),
            DeniedError,
            "cannot pull x: access is denied, or it does not exist",
        ),
        (
            404,
            _body(("MANIFEST_UNKNOWN", "manifest unknown")),
            NotFoundError,
            "cannot pull x: there is no such tag or digest",
        ),
        (404, _body(("NAME_UNKNOWN", "…")), NotFoundError, "cannot pull x: there is no such repository"),
        (404, b"<html>", NotFoundError, "cannot pull x: the registry does not have it"),
        (405, _body(("UNSUPPORTED", "read-only mirror")), UnsupportedError, "cannot pull x: read-only mirror"),
        (413, b"", InvalidError, "cannot pull x: it is too large for the registry"),
        (400, _body(("DIGEST_INVALID", "bad digest")), InvalidError, "cannot pull x: bad digest"),
        (400, _body(("SOME_NEW_CODE", "")), InvalidError, "cannot pull x: SOME_NEW_CODE"),
        (409, b"", InvalidError, "cannot pull x: the registry refused it with status 409"),
        (429, b"", UnavailableError, "cannot pull x: too many requests"),
        (503, _body(("UNAVAILABLE", "maintenance")), UnavailableError, "cannot pull x: maintenance"),
        (500, b"oops", UnavailableError, "cannot pull x: the registry answered with status 500"),
    ],
)
def test_a_status_has_its_kind_and_words(status: int, body: bytes, kind: type[Exception], message: str) -> None:
    failure = failure_of("h:5000", "pull x", status, body)
    assert isinstance(failure, kind)
    assert failure.message == message
    assert failure.status == status


def test_a_login_is_the_way_out_of_401() -> None:
    assert failure_of("h:5000", "pull x", 401).hint == "boxwright login h:5000"


def test_good_credentials_that_allow_too_little_are_told_from_none() -> None:
    failure = failure_of("h", "push x", 401, insufficient=True)
    assert failure.message == "cannot push x: access is denied, or it does not exist"


def test_codes_are_kept_for_whoever_decides() -> None:
    failure = failure_of("h", "push x", 400, _body(("MANIFEST_BLOB_UNKNOWN", "a"), ("MANIFEST_BLOB_UNKNOWN", "b")))
    assert failure.codes == {"MANIFEST_BLOB_UNKNOWN"}
    assert failure.message == "cannot push x: a; b"


@pytest.mark.parametrize(
    ("body", "complaints"),
    [
        (b'{"error":"invalid_grant","error_description":"expired"}', (Complaint("invalid_grant", "expired"),)),
        (b'{"details":"incorrect username or password"}', (Complaint("", "incorrect username or password"),)),
        (b'{"errors":"no list"}', ()),
        (b'{"errors":[1,{"code":2,"message":null}]}', (Complaint("", ""),)),
        (b"[]", ()),
        (b"not json", ()),
        (b"\xff\xfe", ()),
        (b"[" * 100_000, ()),
    ],
)
def test_an_error_document_may_be_anything(body: bytes, complaints: tuple[Complaint, ...]) -> None:
    assert parse_complaints(body) == complaints


def test_a_registrys_words_cannot_play_with_the_terminal() -> None:
    (complaint,) = parse_complaints(_body(("X", "\x1b[2Jgone\r\n" + "a" * 10_000)))
    assert complaint.message.startswith("[2Jgone  aaa")
    assert len(complaint.message) <= 400
