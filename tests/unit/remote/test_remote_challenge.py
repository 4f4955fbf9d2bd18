"""WWW-Authenticate and scopes, as registries write them."""

from __future__ import annotations

import pytest

from boxwright.remote.challenge import MAX_HEADER, Challenge, Scope, merge_scopes, parse_challenges, parse_scopes


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param(
            'Bearer realm="https://h/token",service="h",scope="repository:a/b:pull,push"',
            [("bearer", {"realm": "https://h/token", "service": "h", "scope": "repository:a/b:pull,push"})],
            id="docker's",
        ),
        pytest.param('basic REALM="x y"', [("basic", {"realm": "x y"})], id="names in any case"),
        pytest.param("Basic", [("basic", {})], id="a scheme alone"),
        pytest.param(
            'Bearer realm="https://h/t" , service="s"\t,error="insufficient_scope"',
            [("bearer", {"realm": "https://h/t", "service": "s", "error": "insufficient_scope"})],
            id="blanks around commas",
        ),
        pytest.param(
            "Bearer realm=https://h/token,service=h:5000",
            [("bearer", {"realm": "https://h/token", "service": "h:5000"})],
            id="forgotten quotes",
        ),
        pytest.param(
            'Basic realm="a", Bearer realm="https://h/t",service="s"',
            [("basic", {"realm": "a"}), ("bearer", {"realm": "https://h/t", "service": "s"})],
            id="two in one header",
        ),
        pytest.param(
            'Negotiate oYG2ab==, Basic realm="a"', [("negotiate", {}), ("basic", {"realm": "a"})], id="a token68"
        ),
        pytest.param('Bearer realm="a\\"b\\\\c"', [("bearer", {"realm": 'a"b\\c'})], id="escapes"),
        pytest.param('Bearer realm="a",realm="b"', [("bearer", {"realm": "a"})], id="the first of a name counts"),
        pytest.param('Bearer realm="unclosed', [("bearer", {})], id="an open quote"),
        pytest.param('realm="x"', [], id="a parameter of nothing"),
        pytest.param("", [], id="empty"),
        pytest.param(", ,,", [], id="commas"),
    ],
)
def test_a_header_is_read(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert parse_challenges([header]) == tuple(Challenge(*parts) for parts in expected)


def test_every_header_counts_in_order() -> None:
    assert [challenge.scheme for challenge in parse_challenges(['Basic realm="a"', 'Bearer realm="b"'])] == [
        "basic",
        "bearer",
    ]


def test_a_monstrous_header_is_passed_over() -> None:
    assert parse_challenges(["Basic " + "a" * MAX_HEADER]) == ()


def test_too_weak_a_token_is_told_from_none() -> None:
    (challenge,) = parse_challenges(['Bearer realm="r",error="insufficient_scope"'])
    assert challenge.insufficient
    (challenge,) = parse_challenges(['Bearer realm="r",error="invalid_token"'])
    assert not challenge.insufficient


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("repository:a/b:pull,push", Scope.repository("a/b", "push", "pull")),
        ("repository:host:5000/x:pull", Scope.repository("host:5000/x", "pull")),
        ("registry:catalog:*", Scope("registry", "catalog", frozenset({"*"}))),
        ("repository:a:", Scope.repository("a")),
        ("repository:a", None),
        ("nonsense", None),
        ("", None),
    ],
)
def test_a_scope_splits_at_its_first_and_last_colon(text: str, scope: Scope | None) -> None:
    assert Scope.parse(text) == scope


def test_a_scope_has_one_spelling() -> None:
    assert str(Scope.repository("a/b", "push", "pull")) == "repository:a/b:pull,push"


def test_scopes_of_one_resource_are_united() -> None:
    merged = merge_scopes([Scope.repository("a", "pull"), Scope.repository("b", "pull"), Scope.repository("a", "push")])
    assert merged == {Scope.repository("a", "pull", "push"), Scope.repository("b", "pull")}


def test_a_list_of_scopes_has_blanks_between() -> None:
    assert parse_scopes("repository:a:pull nonsense repository:b:push") == {
        Scope.repository("a", "pull"),
        Scope.repository("b", "push"),
    }
