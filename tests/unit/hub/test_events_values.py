"""Events and webhooks as values: who wants what, the bodies, signatures, when to try again, where to go."""

from __future__ import annotations

import ipaddress
import json
import socket
from typing import Any

import pytest

from boxwright.errors import InvalidError
from boxwright.hub.db.metadata import Manifest
from boxwright.hub.events import schedule, signing
from boxwright.hub.events.addresses import AddressForbidden, AddressPolicy, HostUnknown, parse_network
from boxwright.hub.events.event import Event, deleted, mounted, ping, pushed
from boxwright.hub.events.formats import DISTRIBUTION_TYPE, render
from boxwright.hub.events.webhook import Keys, Webhook, check_actions, check_pattern, check_url, scopes_of
from boxwright.hub.observe import request as observed
from boxwright.hub.observe.request import Request
from boxwright.oci.digest import Digest

DIGEST = Digest.of(b"manifest")
MANIFEST = Manifest(DIGEST, "application/vnd.oci.image.manifest.v1+json", b"x" * 9)
REQUEST = Request(
    "req-1",
    "PUT",
    "/v2/ada/tools/manifests/1",
    client="10.0.0.7",
    scheme="https",
    host="hub.example",
    agent="docker/29",
)


def told(event: Event, form: str) -> Any:
    return json.loads(render(event, form).content)


@pytest.fixture
def on_behalf() -> Any:
    REQUEST.user = "ada"
    observed.begin(REQUEST)
    yield
    observed.begin(None)


# -- events


@pytest.mark.usefixtures("on_behalf")
def test_an_event_knows_on_whose_behalf_it_happened_and_survives_its_text() -> None:
    event = pushed("ada/tools", MANIFEST._replace(subject=DIGEST, artifact_type="application/sbom"), "1")
    assert (event.actor, event.client, event.request, event.host) == ("ada", "10.0.0.7", "req-1", "hub.example")
    assert Event.from_json(event.to_json()) == event
    later = json.loads(event.to_json()) | {"unheard of": 1}
    assert Event.from_json(json.dumps(later)) == event
    assert pushed("ada/tools", MANIFEST).id != event.id


@pytest.mark.usefixtures("on_behalf")
def test_our_own_body() -> None:
    event = pushed("ada/tools", MANIFEST, "1")._replace(id="evt_1", at=1_700_000_000.5)
    body = render(event, "json")
    assert body.content_type == "application/json"
    assert json.loads(body.content) == {
        "id": "evt_1",
        "type": "manifest.pushed",
        "timestamp": "2023-11-14T22:13:20.500Z",
        "data": {
            **{"repository": "ada/tools", "tag": "1", "digest": DIGEST, "mediaType": MANIFEST.media_type, "size": 9},
            **{"actor": "ada", "client": "10.0.0.7", "userAgent": "docker/29", "registry": "hub.example"},
            "request": "req-1",
        },
    }
    assert render(event, "json") == body
    assert told(deleted("a", DIGEST), "json")["type"] == "manifest.deleted"
    assert told(deleted("a", DIGEST, "1"), "json")["type"] == "tag.deleted"
    assert told(deleted("a"), "json")["type"] == "repository.deleted"
    assert told(mounted("a", DIGEST, "b", 5), "json")["data"]["from"] == "b"
    assert told(ping("a"), "json")["type"] == "ping"


@pytest.mark.usefixtures("on_behalf")
def test_docker_hubs_body() -> None:
    value = told(pushed("ada/tools", MANIFEST, "1")._replace(at=1_700_000_000.5), "dockerhub")
    assert value["push_data"] == {"pushed_at": 1_700_000_000, "pusher": "ada", "tag": "1", "images": []}
    repository = value["repository"]
    assert repository["repo_name"] == "ada/tools"
    assert (repository["namespace"], repository["name"], repository["owner"]) == ("ada", "tools", "ada")
    assert repository["repo_url"] == "https://hub.example/v2/ada/tools/"
    assert told(pushed("tools", MANIFEST, "1"), "dockerhub")["repository"]["namespace"] == "library"


@pytest.mark.usefixtures("on_behalf")
def test_the_notification_of_distribution() -> None:
    event = pushed("ada/tools", MANIFEST, "1")._replace(id="evt_1", at=1_700_000_000.5)
    body = render(event, "distribution")
    assert body.content_type == DISTRIBUTION_TYPE
    assert json.loads(body.content) == {
        "events": [
            {
                "id": "evt_1",
                "timestamp": "2023-11-14T22:13:20.500Z",
                "action": "push",
                "target": {
                    "mediaType": MANIFEST.media_type,
                    "size": 9,
                    "digest": DIGEST,
                    "length": 9,
                    "repository": "ada/tools",
                    "url": f"https://hub.example/v2/ada/tools/manifests/{DIGEST}",
                    "tag": "1",
                },
                "request": {
                    **{"id": "req-1", "addr": "10.0.0.7", "host": "hub.example", "method": "PUT"},
                    "useragent": "docker/29",
                },
                "actor": {"name": "ada"},
                "source": {"addr": "hub.example", "instanceID": "hub.example"},
            }
        ]
    }
    (mount,) = told(mounted("a", DIGEST, "b", 5), "distribution")["events"]
    assert (mount["action"], mount["target"]["fromRepository"]) == ("mount", "b")
    assert mount["target"]["url"].endswith(f"/v2/a/blobs/{DIGEST}")


# -- webhooks


def test_the_scopes_of_a_repository() -> None:
    assert scopes_of("a/b/c") == ["", "a/", "a/b/", "a/b/c"]
    assert scopes_of("tools") == ["", "tools"]
    assert [Webhook(1, scope, "").scope_text for scope in ("", "a/", "a/b")] == ["everything", "a/*", "a/b"]


PUSHED, BY_DIGEST, GONE = pushed("a", MANIFEST, "v1.0"), pushed("a", MANIFEST), deleted("a", DIGEST)


@pytest.mark.parametrize(
    ("webhook", "wanted"),
    [
        (Webhook(1, "", ""), (PUSHED, BY_DIGEST, GONE)),
        (Webhook(1, "", "", actions=("push",)), (PUSHED, BY_DIGEST)),
        (Webhook(1, "", "", tags="v*"), (PUSHED,)),
        (Webhook(1, "", "", tags="v2*"), ()),
        (Webhook(1, "", "", format="dockerhub"), (PUSHED,)),
    ],
)
def test_what_a_webhook_wants(webhook: Webhook, wanted: tuple[Event, ...]) -> None:
    assert tuple(event for event in (PUSHED, BY_DIGEST, GONE) if webhook.wants(event)) == wanted


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://example.com/hook?x=1", True),
        ("http://[2001:db8::1]:8080/", True),
        ("ftp://example.com/", False),
        ("https:///x", False),
        ("https://ada:secret@example.com/", False),
        ("https://example.com:0/", False),
        ("https://example.com:99999/", False),
        ("https://example.com/a b", False),
        ("https://example.com/\r\nX: y", False),
        ("https://[::1/", False),
        ("https://example.com/" + "x" * 2000, False),
    ],
)
def test_urls(url: str, good: bool) -> None:
    if good:
        assert check_url(url) == url
    else:
        with pytest.raises(InvalidError):
            check_url(url)


def test_events_and_patterns_that_can_be_asked_for() -> None:
    assert check_actions([]) == ("push", "delete", "mount")
    assert check_actions(["mount", "push", "push"]) == ("push", "mount")
    with pytest.raises(InvalidError):
        check_actions(["pull"])
    with pytest.raises(InvalidError):
        check_pattern("x" * 129)


# -- signatures

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_the_vector_of_standard_webhooks() -> None:
    signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    message, timestamp, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    assert signing.sign(SECRET, message, timestamp, body) == signature
    assert signing.headers([SECRET], message, timestamp, body) == {
        "webhook-id": message,
        "webhook-timestamp": "1614265330",
        "webhook-signature": signature,
    }


def test_two_secrets_sign_while_one_replaces_the_other() -> None:
    new = signing.new_secret()
    keys = Keys(new, SECRET, 100.0)
    assert keys.at(99.0) == [new, SECRET]
    assert keys.at(100.0) == [new]
    assert Keys(new).at(1.0) == [new]
    both = signing.headers([new, SECRET], "m", 1, b"")["webhook-signature"].split(" ")
    assert both == [signing.sign(new, "m", 1, b""), signing.sign(SECRET, "m", 1, b"")]


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_###", "whsec_é"]
)
def test_what_is_no_secret(text: str) -> None:
    with pytest.raises(signing.InvalidSecret) as raised:
        signing.check_secret(text)
    assert text not in str(raised.value) or not text


# -- when


def test_delays_grow_over_days_and_end() -> None:
    delays = [schedule.delay(attempts) for attempts in range(1, schedule.MOST_ATTEMPTS + 1)]
    assert delays[-1] is None
    known = [delay for delay in delays if delay is not None]
    assert len(known) == schedule.MOST_ATTEMPTS - 1
    assert 4 <= known[0] <= 6
    assert 48 * 3600 < sum(known) < 90 * 3600
    assert len({schedule.delay(3) for _ in range(20)}) > 1, "jitter"


def test_a_receiver_may_ask_for_more_time_or_refuse_the_message() -> None:
    assert schedule.delay(1, retry_after=600) == 600
    assert schedule.delay(1, retry_after=1e9) == 3600
    assert schedule.delay(5, status=503) is not None
    assert schedule.delay(4, status=400) is not None
    assert schedule.delay(5, status=400) is None


# -- where


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("2002:7f00:1::", False),
    ],
)
def test_addresses_that_webhooks_may_go_to(address: str, good: bool) -> None:
    assert AddressPolicy().permits(ipaddress.ip_address(address)) is good


def test_a_network_that_is_allowed() -> None:
    policy = AddressPolicy([parse_network("10.0.0.0/8"), parse_network("::1")])
    permitted = [
        policy.permits(ipaddress.ip_address(one)) for one in ("10.9.9.9", "::ffff:10.9.9.9", "::1", "127.0.0.1")
    ]
    assert permitted == [True, True, True, False]
    with pytest.raises(InvalidError):
        parse_network("10.0.0.0/99")


def test_a_name_is_looked_up_once_and_judged_by_what_it_means() -> None:
    asked: list[str] = []
    answers: dict[str, list[str]] = {"mixed": ["127.0.0.1", "93.184.216.34"], "inside": ["10.0.0.1", "127.0.0.1"]}

    def lookup(host: str, port: int, *, type: int) -> list[Any]:
        asked.append(host)
        if host not in answers:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, type, 6, "", (address, port)) for address in answers[host]]

    policy = AddressPolicy(lookup=lookup)
    assert policy.resolve("mixed", 80).address == ("93.184.216.34", 80)
    with pytest.raises(AddressForbidden, match=r"inside is 10\.0\.0\.1, 127\.0\.0\.1"):
        policy.resolve("inside", 80)
    with pytest.raises(HostUnknown):
        policy.resolve("nowhere", 80)
    assert asked == ["mixed", "inside", "nowhere"]
