"""The proxies of docker's config.json."""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.engine import proxies
from boxwright.engine.proxies import MalformedProxies


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", {}),
        ('{"auths": {}}', {}),
        ('{"proxies": {"tcp://elsewhere:2375": {"httpProxy": "no"}}}', {}),
        (
            '{"proxies": {"default": {"httpProxy": "http://p", "noProxy": "a,b", "other": 1}}}',
            {"HTTP_PROXY": "http://p", "http_proxy": "http://p", "NO_PROXY": "a,b", "no_proxy": "a,b"},
        ),
    ],
)
def test_the_default_proxies_are_read(tmp_path: Path, content: str, expected: dict[str, str]) -> None:
    (tmp_path / "config.json").write_text(content)
    assert proxies.configured({"DOCKER_CONFIG": str(tmp_path)}) == expected
    assert proxies.configured({"HOME": str(tmp_path)}) == {}
    (tmp_path / ".docker").mkdir()
    (tmp_path / "config.json").rename(tmp_path / ".docker" / "config.json")
    assert proxies.configured({"HOME": str(tmp_path)}) == expected
    assert proxies.configured({}) == {}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "not JSON"),
        ("[]", "not an object"),
        ('{"proxies": {"default": []}, "a": 1}', None),
        ('{"proxies": [1]}', "not an object"),
        ('{"proxies": {"default": {"httpProxy": 1}}}', "httpProxy is not text"),
    ],
)
def test_what_is_not_dockers_is_told(tmp_path: Path, content: str, why: str | None) -> None:
    (tmp_path / "config.json").write_text(content)
    environment = {"DOCKER_CONFIG": str(tmp_path)}
    if why is None:
        assert proxies.configured(environment) == {}
        return
    with pytest.raises(MalformedProxies, match=why):
        proxies.configured(environment)
