"""The policy's file: rules in order, patterns of names, and no mistake passes."""

from __future__ import annotations

from pathlib import Path

import pytest

from boxwright.host.paths import Path as HostPath
from boxwright.signing.keys import PrivateKey
from boxwright.signing.policy import InvalidPolicy, Rule, load_policy


@pytest.fixture(autouse=True)
def keys(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.pub").write_bytes(PrivateKey.generate(name).public.pem())


def _write(tmp_path: Path, text: str) -> HostPath:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    return HostPath(path)


def test_the_first_rule_that_fits_counts(tmp_path: Path) -> None:
    policy = load_policy(
        _write(
            tmp_path,
            f"""
            default = "refuse"
            [[rule]]
            repository = "hub.example/prod/test-*"
            action = "allow"
            [[rule]]
            repository = "hub.example/prod/**"
            keys = ["one.pub", "{tmp_path}/two.pub"]
            threshold = 2
            """,
        )
    )
    assert policy.rule("hub.example/prod/test-web").action == "allow"
    found = policy.rule("hub.example/prod/test-web/more")
    assert (found.action, found.threshold, len(found.keys)) == ("verify", 2, 2)
    assert policy.rule("hub.example/other").action == "refuse"


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("**", "docker.io/library/debian", True),
        ("docker.io/library/*", "docker.io/library/debian", True),
        ("docker.io/library/*", "docker.io/library/a/b", False),
        ("docker.io/**", "docker.io/library/a/b", True),
        ("docker.io/**", "docker.io.example/a", False),
        ("hub.example:5000/a.b", "hub.example:5000/a.b", True),
        ("hub.example:5000/a.b", "hub.example:5000/axb", False),
        ("a/b", "a/b/c", False),
    ],
)
def test_patterns(pattern: str, name: str, fits: bool) -> None:
    assert Rule(pattern, "allow").fits(name) == fits


def test_an_empty_policy_allows(tmp_path: Path) -> None:
    assert load_policy(_write(tmp_path, "")).rule("a/b").action == "allow"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("default = 1", "neither allow nor refuse"),
        ("default = 'verify'", "neither allow nor refuse"),
        ("rules = 1", "rules is nothing that a policy has"),
        ("rule = 1", "rules are written"),
        ("[[rule]]\naction = 'allow'", "repository is missing"),
        ("[[rule]]\nrepository = 'a'", "either keys or an action"),
        ("[[rule]]\nrepository = 'a'\nkeys = ['one.pub']\naction = 'allow'", "either keys or an action"),
        ("[[rule]]\nrepository = 'a'\naction = 'verify'", "its action is allow or refuse"),
        ("[[rule]]\nrepository = 'a'\nkeys = []", "keys are the names"),
        ("[[rule]]\nrepository = 'a'\nkeys = [1]", "keys are the names"),
        ("[[rule]]\nrepository = 'a'\nkeys = ['three.pub']", "three.pub: no such file"),
        ("[[rule]]\nrepository = 'a'\nkeys = ['one.pub', 'one.pub']\nthreshold = 2", "threshold is from 1"),
        ("[[rule]]\nrepository = 'a'\nkeys = ['one.pub']\nthreshold = true", "threshold = True is not what it takes"),
        ("[[rule]]\nrepository = 'a'\nkey = 'one.pub'", "key is nothing that a rule has"),
        ("a = [", "Invalid value"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(InvalidPolicy, match=why):
        load_policy(_write(tmp_path, text))


def test_a_policy_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidPolicy, match="no such file"):
        load_policy(HostPath(tmp_path / "nothing.toml"))
