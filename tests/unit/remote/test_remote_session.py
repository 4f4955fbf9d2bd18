"""Scheme, repetitions, redirects, refusals."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from boxwright.errors import CancelledError
from boxwright.oci.digest import Digest
from boxwright.remote.client import RegistryClient
from boxwright.remote.credentials import Credential
from boxwright.remote.exchange import Exchange
from boxwright.remote.failure import RegistryBroken, RegistryFailure, TooManyRequests
from boxwright.remote.progress import Notice, Waiting, Warned
from boxwright.remote.retry import RetryPolicy
from boxwright.remote.session import PlainHttpRegistry
from boxwright.remote.transport import ConnectionFailed, Reason, Request
from unit.remote.scripted import IMPATIENT, Answer, ScriptedTransport, Sent, client

_DIGEST = Digest.of(b"x")
_FOUND = Answer(200, {"Content-Length": "1"}, b"x")


def _broken(url: str, reason: Reason = "broken") -> ConnectionFailed:
    return ConnectionFailed(url, reason, "the connection broke", sent=reason == "broken")


# ---- which way


def test_tls_is_expected_of_a_registry() -> None:
    made, transport = client(lambda sent: _FOUND)
    made.stat_blob("a", _DIGEST)
    assert {sent.url.partition(":")[0] for sent in transport.sent} == {"https"}
    assert all(sent.verify for sent in transport.sent)


def test_an_insecure_registry_is_tried_with_tls_first() -> None:
    def answer(sent: Sent) -> Answer | Exception:
        return _broken(sent.url, "plain") if sent.url.startswith("https:") else _FOUND

    made, transport = client(answer, insecure=True)
    made.stat_blob("a", _DIGEST)
    assert [sent.url for sent in transport.sent] == [
        "https://registry.test/v2/",
        "http://registry.test/v2/",
        f"http://registry.test/v2/a/blobs/{_DIGEST}",
    ]


def test_an_insecure_registry_may_show_any_certificate() -> None:
    made, transport = client(lambda sent: _FOUND, insecure=True)
    made.ping()
    assert [(sent.url, sent.verify) for sent in transport.sent] == [("https://registry.test/v2/", False)]


def test_plain_http_that_nobody_allowed_is_told_with_the_way_out() -> None:
    def answer(sent: Sent) -> Answer | Exception:
        return _broken(sent.url, "plain") if sent.url.startswith("https:") else _FOUND

    made, transport = client(answer, Credential("ada", "lovelace"))
    with pytest.raises(PlainHttpRegistry) as caught:
        made.stat_blob("a", _DIGEST)
    assert caught.value.message == "cannot reach registry.test: it answers plain HTTP, TLS was expected"
    assert caught.value.hint == ("allow it: --insecure-registry registry.test, or insecure-registries in config.toml")
    assert all(sent.authorization is None for sent in transport.sent), "the probe carries nothing secret"


def test_broken_tls_that_is_not_plain_http_stays_what_it_is() -> None:
    made, _ = client(lambda sent: _broken(sent.url, "plain"))
    with pytest.raises(ConnectionFailed, match=re.escape("cannot reach registry.test")):
        made.ping()


def test_a_server_that_hangs_up_on_tls_is_asked_without_before_it_is_told() -> None:
    made, _ = client(lambda sent: _broken(sent.url) if sent.url.startswith("https:") else _FOUND)
    with pytest.raises(PlainHttpRegistry):
        made.ping()


@pytest.mark.parametrize(("first", "told"), [("plain", "http"), ("refused", "https")])
def test_of_two_failures_the_telling_one_is_told(first: Reason, told: str) -> None:
    made, _ = client(
        lambda sent: _broken(sent.url, first if sent.url.startswith("https:") else "timeout"), insecure=True
    )
    with pytest.raises(ConnectionFailed) as caught:
        made.ping()
    assert caught.value.url == f"{told}://registry.test/v2/"


def test_an_address_without_a_registry_is_told() -> None:
    made, _ = client(lambda sent: Answer(404))
    with pytest.raises(RegistryBroken, match=r"it is no registry \(there is no /v2/\)"):
        made.ping()


# ---- repetitions


def test_passing_failures_are_tried_again() -> None:
    answers: Iterator[Answer | Exception] = iter([Answer(503), _broken("https://h/"), Answer(429), _FOUND])
    transport = ScriptedTransport(lambda sent: next(answers))
    heard: list[Notice] = []
    exchange = Exchange("h", transport, policy=IMPATIENT, notice=heard.append)
    assert exchange.send(Request("GET", "https://h/x"), "x").status == 200
    assert [(type(one), getattr(one, "attempt", None)) for one in heard] == [(Waiting, 1), (Waiting, 2), (Waiting, 3)]


def test_a_registrys_warnings_are_told_once_and_not_without_end() -> None:
    numbers = iter(range(1000))

    def answer(sent: Sent) -> Answer:
        return Answer(200, {"Warning": f'299 - "warning {min(next(numbers) // 2, 50)}"', "Content-Length": "1"})

    heard: list[Notice] = []
    with RegistryClient("h", transport=ScriptedTransport(answer), notice=heard.append) as made:
        for _ in range(200):
            made.stat_blob("a", _DIGEST)
    assert heard == [Warned("h", f"warning {number}") for number in range(10)]


def test_an_attempt_too_many_ends_it() -> None:
    transport = ScriptedTransport(lambda sent: _broken(sent.url))
    with pytest.raises(ConnectionFailed):
        Exchange("h", transport, policy=IMPATIENT).send(Request("GET", "https://h/x"), "x")
    assert len(transport.sent) == IMPATIENT.attempts


@pytest.mark.parametrize("reason", ["name", "certificate", "tls", "plain"])
def test_what_will_not_pass_is_not_tried_again(reason: Reason) -> None:
    transport = ScriptedTransport(lambda sent: _broken(sent.url, reason))
    with pytest.raises(ConnectionFailed):
        Exchange("h", transport, policy=IMPATIENT).send(Request("GET", "https://h/x"), "x")
    assert len(transport.sent) == 1


def test_what_must_not_be_repeated_is_sent_once() -> None:
    transport = ScriptedTransport(lambda sent: Answer(503))
    assert (
        Exchange("h", transport, policy=IMPATIENT).send(Request("PATCH", "https://h/x"), "x", repeat=False).status
        == 503
    )
    assert len(transport.sent) == 1


def test_a_registry_that_asks_for_too_much_patience_gets_none() -> None:
    made, transport = client(lambda sent: Answer(429, {"Retry-After": "86400"}) if "/blobs/" in sent.url else _FOUND)
    with pytest.raises(TooManyRequests):
        made.stat_blob("a", _DIGEST)
    assert len(transport.lines) == 1


def test_delays_double_up_to_a_limit_and_obey_the_server() -> None:
    policy = RetryPolicy(attempts=10, base=1.0, longest=5.0, patience=60.0)
    assert [policy.delay(failures, jitter=1.0) for failures in range(1, 5)] == [1.0, 2.0, 4.0, 5.0]
    assert policy.delay(1, jitter=0.0) == 0.5
    assert policy.delay(1, 30.0) == 30.0
    assert policy.delay(1, 61.0) is None
    assert policy.delay(10) is None


def test_a_cancelled_client_sends_nothing_more() -> None:
    made, transport = client(lambda sent: _FOUND)
    made.ping()
    made.cancel()
    with pytest.raises(CancelledError):
        made.stat_blob("a", _DIGEST)
    assert transport.lines == []


# ---- redirects


def _redirecting(location: str, status: int = 307) -> tuple[Answer, ...]:
    return (Answer(status, {"Location": location}), _FOUND)


@pytest.mark.parametrize(
    ("location", "kept"),
    [
        ("/elsewhere", True),
        ("https://h/elsewhere", True),
        ("https://h:443/elsewhere", True),
        ("https://storage/elsewhere?signature=x", False),
        ("https://h:8443/elsewhere", False),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_stay_with_their_origin(status: int, location: str, kept: bool) -> None:
    answers = iter(_redirecting(location, status))
    transport = ScriptedTransport(lambda sent: next(answers))
    request = Request("GET", "https://h/x", {"Authorization": "Bearer secret", "Range": "bytes=5-"})
    assert Exchange("h", transport).send(request, "x").status == 200
    assert (transport.sent[1].authorization is not None) is kept
    assert transport.sent[1].headers["Range"] == "bytes=5-"


def test_leniency_stays_with_its_origin_too() -> None:
    answers = iter(_redirecting("https://storage/x"))
    transport = ScriptedTransport(lambda sent: next(answers))
    Exchange("h", transport).send(Request("GET", "https://h/x", verify=False), "x")
    assert [sent.verify for sent in transport.sent] == [False, True]


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://storage/x", "it redirects from TLS to plain HTTP"),
        ("ftp://storage/x", "it redirects to no valid URL"),
        ("", "redirects more than 5 times"),
        ("/loop", "redirects more than 5 times"),
    ],
)
def test_a_bad_redirect_is_refused(location: str, why: str) -> None:
    transport = ScriptedTransport(lambda sent: Answer(307, {"Location": location}))
    with pytest.raises(RegistryBroken, match=why):
        Exchange("h", transport).send(Request("GET", "https://h/x"), "pull x")


def test_a_redirect_of_a_write_is_not_followed() -> None:
    def answer(sent: Sent) -> Answer:
        return Answer(307, {"Location": "https://elsewhere/"}) if sent.method == "POST" else _FOUND

    made, transport = client(answer)
    with pytest.raises(RegistryFailure):
        made.upload("a").mount(_DIGEST, "b")
    assert all("elsewhere" not in sent.url for sent in transport.sent)
