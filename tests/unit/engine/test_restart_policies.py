"""Restart policies: what is one, and when a container that has ended is started again."""

from __future__ import annotations

import pytest

from boxwright.engine.containers.restarts import InvalidRestartPolicy, RestartPolicy, due
from boxwright.host.clock import parse_rfc3339
from boxwright.store.containers import ContainerRecord

_STARTED, _AT_ONCE, _LATER = "2026-01-31T10:00:00Z", "2026-01-31T10:00:00.5Z", "2026-01-31T10:00:20Z"


@pytest.mark.parametrize(
    ("text", "policy", "kept"),
    [
        ("", RestartPolicy(), ""),
        ("no", RestartPolicy(), ""),
        ("always", RestartPolicy("always"), "always"),
        ("unless-stopped", RestartPolicy("unless-stopped"), "unless-stopped"),
        ("on-failure", RestartPolicy("on-failure"), "on-failure"),
        ("on-failure:3", RestartPolicy("on-failure", 3), "on-failure:3"),
        ("on-failure:0", RestartPolicy("on-failure"), "on-failure"),
    ],
)
def test_policies(text: str, policy: RestartPolicy, kept: str) -> None:
    assert RestartPolicy.parse(text) == policy
    assert policy.text == kept


@pytest.mark.parametrize("text", ["often", "always:3", "on-failure:", "on-failure:x", "on-failure:-1", "no:1"])
def test_what_is_no_policy(text: str) -> None:
    with pytest.raises(InvalidRestartPolicy):
        RestartPolicy.parse(text)


@pytest.mark.parametrize(
    ("policy", "code", "status", "finished", "pause"),
    [
        ("", 1, {}, _AT_ONCE, None),
        ("always", 0, {}, _AT_ONCE, 0.1),
        ("always", 0, {"restarts": 3}, _AT_ONCE, 0.8),
        ("always", 0, {"restarts": 300}, _AT_ONCE, 60.0),
        ("always", 0, {"restarts": 300}, _LATER, 0.1),  # it ran well
        ("always", 0, {"stopped": True}, _AT_ONCE, None),
        ("unless-stopped", 137, {}, _AT_ONCE, 0.1),
        ("on-failure", 0, {}, _AT_ONCE, None),
        ("on-failure", 1, {"restarts": 1000}, _LATER, 0.1),
        ("on-failure:2", 1, {"restarts": 1}, _AT_ONCE, 0.2),
        ("on-failure:2", 1, {"restarts": 2}, _AT_ONCE, None),
    ],
)
def test_the_next_start(policy: str, code: int, status: dict[str, object], finished: str, pause: float | None) -> None:
    config = {"options": {"argv": ["x"]}, "restart": policy}
    record = ContainerRecord("1", "web", None, "", _STARTED, "running", started=_STARTED, config=config, status=status)
    expected = None if pause is None else pytest.approx(parse_rfc3339(finished) + pause)
    assert due(record, code, finished) == expected
