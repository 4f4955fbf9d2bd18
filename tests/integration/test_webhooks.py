"""Events on their way to receivers that take them, refuse them, hang, or are not there; servers that are killed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from boxwright.cli.main import main
from boxwright.hub.db.database import Database, default_url
from boxwright.hub.db.metadata import Manifest, Requirements
from boxwright.hub.db.sql import SQLMetadata
from boxwright.hub.events import schedule, sending, signing
from boxwright.hub.events.addresses import AddressPolicy, parse_network
from boxwright.hub.events.dispatcher import Dispatcher
from boxwright.hub.events.sending import post
from boxwright.hub.events.store import DELIVERED, FAILED, PENDING, WebhookStore
from boxwright.hub.events.webhook import Webhook
from boxwright.oci.digest import Digest
from support.hub_kit import BY
from support.registry_kit import SmallImage
from support.registry_process import PlainClient, serving
from support.webhook_receiver import Message, Receiver, answering, break_off, drip, hang, receiving

LOOPBACK = AddressPolicy([parse_network("127.0.0.0/8")])
SECRET = signing.new_secret()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = Database(default_url(tmp_path))
    yield made
    made.close()


@pytest.fixture
def store(db: Database) -> WebhookStore:
    return WebhookStore(db, BY)


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again after moments."""
    monkeypatch.setattr(schedule, "_DELAYS", (0.02,) * 11)


@contextmanager
def dispatching(store: WebhookStore, count: int = 1, timeout: float = 0.4) -> Iterator[list[str]]:
    """Deliver for the block, by `count` dispatchers; yields how attempts ended."""
    ended: list[str] = []
    made = [Dispatcher(store, LOOPBACK, counted=ended.append, poll=0.02, timeout=timeout) for _ in range(count)]
    for one in made:
        one.start()
    try:
        yield ended
    finally:
        for one in made:
            one.stop()


def push(db: Database, *tags: str) -> None:
    content = b"manifest"
    manifest = Manifest(Digest.of(content), "application/x", content)
    SQLMetadata(db).put_manifest("ada/tools", manifest, Requirements(), tags, sparse=False)


def hook(store: WebhookStore, receiver: Receiver, **changes: object) -> Webhook:
    return store.add(Webhook(0, "", receiver.url)._replace(**changes), SECRET)


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def tags_of(messages: list[Message]) -> list[str]:
    return [json.loads(message.body)["data"]["tag"] for message in messages]


def verify(message: Message, secret: str = SECRET) -> bool:
    """What a receiver does, by the specification alone."""
    headers = {name.lower(): value for name, value in message.headers.items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + message.body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return expected in headers["webhook-signature"].split(" ")


# -- one attempt


def attempt(receiver: Receiver, timeout: float = 0.4, policy: AddressPolicy = LOOPBACK) -> sending.Attempt:
    return post(receiver.url, {"Content-Type": "text/plain"}, b"body", policy, timeout=timeout)


def test_a_message_arrives_as_it_is() -> None:
    with receiving(answering(204)) as receiver:
        made = attempt(receiver)
        assert (made.ok, made.status, made.answer) == (True, 204, "")
        (message,) = receiver.messages
        assert (message.path, message.body) == ("/hook?x=1", b"body")
        assert message.headers["Content-Type"] == "text/plain"
        assert message.headers["Host"] == receiver.url.split("/")[2]
        assert message.headers["User-Agent"].startswith("boxwright/")


def test_a_redirect_is_an_answer() -> None:
    with receiving() as elsewhere, receiving(answering(307, Location=elsewhere.url)) as receiver:
        made = attempt(receiver)
        assert (made.ok, made.status) == (False, 307)
        assert elsewhere.messages == []


def test_of_a_long_answer_the_beginning_is_read() -> None:
    with receiving(answering(500, b"\xff\0" + b"x" * 100_000)) as receiver:
        made = attempt(receiver)
        assert made.status == 500
        assert made.answer == "\ufffd\ufffd" + "x" * (sending.MOST_ANSWER_BYTES - 2)


@pytest.mark.parametrize("answer", [hang, drip])
def test_nobody_waits_longer_than_the_limit(answer: object) -> None:
    with receiving(answer) as receiver:
        made = attempt(receiver)
        assert (made.ok, made.status, made.answer) == (False, None, "no answer within 0.4 seconds")
        assert made.seconds < 10


def test_a_receiver_that_breaks_off_and_one_that_is_not_there() -> None:
    with receiving(break_off) as receiver:
        assert attempt(receiver).answer == "Remote end closed connection without response"
    assert attempt(receiver).answer == "[Errno 111] Connection refused"


def test_our_own_network_is_out_of_reach() -> None:
    with receiving() as receiver:
        made = attempt(receiver, policy=AddressPolicy())
        assert made.answer == "127.0.0.1 is 127.0.0.1, where webhooks are not allowed to go"
        assert receiver.messages == []


def test_a_receivers_certificate_has_to_be_good() -> None:
    with receiving() as receiver:
        made = post(receiver.url.replace("http:", "https:"), {}, b"", LOOPBACK, timeout=2.0)
        assert made.status is None
        assert "SSL" in made.answer or "WRONG_VERSION" in made.answer
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED


def test_how_long_a_receiver_asks_to_wait() -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 300))
    answers = [answering(503, Retry_After=value) for value in ("120", date, "soon")]
    with receiving(*answers) as receiver:
        assert attempt(receiver).retry_after == 120.0
        asked = attempt(receiver).retry_after
        assert asked is not None
        assert 290 < asked <= 300
        assert attempt(receiver).retry_after is None


# -- many


def test_events_arrive_signed_and_in_order(db: Database, store: WebhookStore) -> None:
    with receiving() as receiver:
        webhook = hook(store, receiver)
        with dispatching(store, 3):
            for number in range(12):
                push(db, str(number))
            messages = receiver.wait_for(12)
            until(lambda: store.backlog() == 0)
        assert tags_of(messages) == [str(number) for number in range(12)]
        assert all(verify(message) for message in messages)
        assert len(receiver.messages) == 12
        assert {one.state for one in store.deliveries(webhook.id)} == {DELIVERED}
        assert store.deliveries(webhook.id)[0].answer == "thanks"


@pytest.mark.usefixtures("soon")
def test_what_fails_is_tried_again_and_those_behind_it_wait(db: Database, store: WebhookStore) -> None:
    with receiving(answering(500, b"no"), break_off, hang, answering(302)) as receiver:
        webhook = hook(store, receiver)
        for tag in ("1", "2"):
            push(db, tag)
        with dispatching(store, 2) as ended:
            messages = receiver.wait_for(6)
            until(lambda: store.backlog() == 0)
        assert tags_of(messages) == ["1", "1", "1", "1", "1", "2"]
        assert len({message.headers["webhook-id"] for message in messages[:5]}) == 1
        assert ended == ["retried"] * 4 + ["delivered"] * 2
        assert [one.attempts for one in store.deliveries(webhook.id)] == [1, 5]
        assert store.webhook(webhook.id).failing_since is None


@pytest.mark.usefixtures("soon")
def test_a_message_that_is_refused_is_given_up_and_can_be_repeated(db: Database, store: WebhookStore) -> None:
    with receiving(*[answering(422, b"what is that?")] * 5) as receiver:
        webhook = hook(store, receiver)
        for tag in ("1", "2"):
            push(db, tag)
        with dispatching(store):
            until(lambda: store.backlog() == 0)
            second, first = store.deliveries(webhook.id)
            assert (first.state, first.attempts, first.status, first.answer) == (FAILED, 5, 422, "what is that?")
            assert second.state == DELIVERED
            assert store.redeliver(webhook.id) == 1
            assert tags_of(receiver.wait_for(7))[-1] == "1"
        ids = [message.headers["webhook-id"] for message in receiver.messages]
        assert ids[0] == ids[-1]


def test_a_receiver_that_wants_no_more_is_left_alone(db: Database, store: WebhookStore) -> None:
    with receiving(answering(410)) as receiver:
        webhook = hook(store, receiver)
        push(db, "1")
        with dispatching(store):
            until(lambda: not store.webhook(webhook.id).active)
        assert store.webhook(webhook.id).reason == "the receiver answered 410"
        assert [one.state for one in store.deliveries(webhook.id)] == [FAILED]


@pytest.mark.usefixtures("soon")
def test_a_receiver_that_fails_for_days_is_disabled(
    db: Database, store: WebhookStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "DISABLE_AFTER", 0.05)
    with receiving(*[answering(500)] * 9) as receiver:
        webhook = hook(store, receiver)
        push(db, "1")
        with dispatching(store):
            until(lambda: not store.webhook(webhook.id).active)
        assert store.webhook(webhook.id).reason.startswith("nothing arrived for")


def test_a_slow_receiver_holds_up_nobody_else(db: Database, store: WebhookStore) -> None:
    with receiving(*[hang] * 9) as slow, receiving() as quick:
        hook(store, slow)
        hook(store, quick)
        for number in range(5):
            push(db, str(number))
        with dispatching(store, timeout=5.0):
            assert tags_of(quick.wait_for(5)) == ["0", "1", "2", "3", "4"]


def test_two_secrets_sign_after_a_rotation(db: Database, store: WebhookStore) -> None:
    new = signing.new_secret()
    with receiving() as receiver, dispatching(store):
        webhook = hook(store, receiver)
        store.rotate(webhook.id, new)
        push(db, "1")
        (message,) = receiver.wait_for(1)
    assert verify(message)
    assert verify(message, new)


# -- a server


def settings(**more: object) -> dict[str, dict[str, object]]:
    return {"webhooks": {"allow": ["127.0.0.1"], **more}}


def test_a_push_to_a_server_is_told(tmp_path: Path) -> None:
    with receiving() as receiver:
        db = Database(default_url(tmp_path))
        store = WebhookStore(db, BY)
        hook(store, receiver, scope="ada/", format="distribution")
        with serving(tmp_path, **settings()) as server:
            with PlainClient(server.address) as client:
                client.push("ada/tools", "1", SmallImage.of(), [])
                client.push("tools", "1", SmallImage.of(), [])
            (message,) = receiver.wait_for(1)
            (event,) = json.loads(message.body)["events"]
            assert (event["action"], event["target"]["repository"], event["target"]["tag"]) == (
                "push",
                "ada/tools",
                "1",
            )
            assert event["target"]["url"].startswith(f"http://{server.address}/v2/ada/tools/manifests/sha256:")
            assert (event["request"]["method"], event["request"]["addr"]) == ("PUT", "127.0.0.1")
            until(lambda: store.backlog() == 0)
        db.close()


def test_a_server_that_is_killed_after_a_push_tells_it_later(tmp_path: Path) -> None:
    with receiving(hang) as receiver:
        db = Database(default_url(tmp_path))
        store = WebhookStore(db, BY)
        webhook = hook(store, receiver)
        with serving(tmp_path, **settings()) as server:
            with PlainClient(server.address) as client:
                for number in range(3):
                    client.push("ada/tools", str(number), SmallImage.of(), [])
            receiver.wait_for(1)  # it is being delivered, and will not be marked
            server.send_signal(signal.SIGKILL)
            server.wait()
        assert {one.state for one in store.deliveries(webhook.id)} == {PENDING}
        with serving(tmp_path, **settings()):
            messages = receiver.wait_for(4)
            until(lambda: store.backlog() == 0)
        assert tags_of(messages) == ["0", "0", "1", "2"]
        db.close()


def test_a_server_that_does_not_deliver_leaves_it_to_another(tmp_path: Path) -> None:
    with receiving() as receiver:
        db = Database(default_url(tmp_path))
        store = WebhookStore(db, BY)
        hook(store, receiver)
        with serving(tmp_path, **settings(deliver=False)) as server, PlainClient(server.address) as client:
            client.push("ada/tools", "1", SmallImage.of(), [])
        assert (store.backlog(), receiver.messages) == (1, [])
        with serving(tmp_path, **settings()):
            receiver.wait_for(1)
        db.close()


def test_a_server_ends_beside_a_receiver_that_hangs(tmp_path: Path) -> None:
    with receiving(hang) as receiver:
        db = Database(default_url(tmp_path))
        hook(WebhookStore(db, BY), receiver)
        db.close()
        with serving(tmp_path, **settings()) as server:
            with PlainClient(server.address) as client:
                client.push("ada/tools", "1", SmallImage.of(), [])
            receiver.wait_for(1)
            server.send_signal(signal.SIGTERM)
            ended = threading.Event()
            threading.Thread(target=lambda: (server.wait(), ended.set())).start()
            assert ended.wait(10)


# -- the commands


def test_the_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def hub(*words: str, code: int = 0) -> str:
        assert main(["hub", "webhook", words[0], "--root", str(tmp_path), *words[1:]]) == code
        return capsys.readouterr().out

    config = tmp_path / "hub.toml"
    config.write_text('[webhooks]\nallow = ["127.0.0.0/8"]\n')
    with receiving(answering(200), answering(500, b"no\n")) as receiver:
        said, secret = hub("add", receiver.url, "--repository", "ada/tools", "--event", "push,delete").splitlines()
        assert said == "webhook 1 added for ada/tools"
        assert secret.startswith("whsec_")
        assert "ada/tools" in hub("list")
        assert json.loads(hub("list", "--format", "json"))["Events"] == "push,delete"
        assert hub("test", "1", "--config", str(config)).startswith(f"{receiver.url} answered 200")
        assert json.loads(receiver.messages[0].body)["type"] == "ping"
        assert verify(receiver.messages[0], secret)
        assert "answered 500" in hub("test", "1", "--config", str(config), code=1)
        assert "not allowed to go" in hub("test", "1", code=1)
        assert hub("rotate", "1").startswith("whsec_")
        assert hub("log", "1").startswith("ID ")
        assert hub("redeliver", "1") == "0 deliveries begun again\n"
        hub("disable", "1")
        assert "disabled" in hub("list")
        hub("enable", "1")
        hub("rm", "1")
        hub("rm", "1", code=1)
        hub("add", "ftp://x", code=1)
        hub("add", receiver.url, "--repository", "a", "--namespace", "b", code=1)
