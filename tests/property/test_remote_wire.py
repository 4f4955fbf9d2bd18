"""Whatever a registry sends, reading it ends in a value or an error of ours."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from boxwright.remote.authorization import parse_token
from boxwright.remote.challenge import Scope, merge_scopes, parse_challenges
from boxwright.remote.failure import failure_of, parse_complaints
from boxwright.remote.headers import (
    content_range,
    next_link,
    origin_of,
    resolve,
    retry_after,
    upload_offset,
    with_query,
)

_TEXT = st.text(max_size=200)
_PRINTABLE = _TEXT.map(lambda text: "".join(filter(str.isprintable, text)))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=8,
)
_TOKEN = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,10}", fullmatch=True)
_NAME = st.from_regex(r"[a-z0-9]+(/[a-z0-9]+){0,2}", fullmatch=True)


@given(st.lists(_TEXT, max_size=4))
def test_any_text_is_read_as_challenges(values: list[str]) -> None:
    parse_challenges(values)


@given(_TOKEN, st.dictionaries(_TOKEN.map(str.lower), _PRINTABLE, max_size=5))
def test_a_challenge_that_is_written_well_is_read_back(scheme: str, parameters: dict[str, str]) -> None:
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in parameters.values())
    header = f"{scheme} " + ", ".join(f'{name}="{value}"' for name, value in zip(parameters, quoted, strict=True))
    assert parse_challenges([header]) == ((scheme.lower(), parameters),)


@given(st.lists(st.builds(Scope.repository, _NAME, st.sampled_from(["pull", "push", "*"])), max_size=6))
def test_merged_scopes_allow_what_the_parts_allowed(scopes: list[Scope]) -> None:
    merged = merge_scopes(scopes)
    assert len({(scope.kind, scope.name) for scope in merged}) == len(merged)
    assert {Scope.parse(str(scope)) for scope in merged} == merged
    for scope in scopes:
        assert any(scope.name == whole.name and scope.actions <= whole.actions for whole in merged)


@given(_TEXT, st.sampled_from(["https://h/v2/a", "http://h:5000/v2/a?x=y"]))
def test_a_location_is_an_http_url_without_credentials_or_nothing(location: str, request_url: str) -> None:
    url = resolve(location, request_url)
    if url is not None:
        assert origin_of(url) is not None
        assert "@" not in urlsplit(url).netloc
        assert all(" " < char != "\x7f" for char in url)
        if request_url.startswith("https:") and url.startswith("http:"):
            assert origin_of(url) != origin_of(request_url)


@given(_TEXT.filter(lambda text: "#" not in text), st.dictionaries(_TOKEN, _TEXT, min_size=1, max_size=3))
def test_parameters_come_after_an_opaque_query(query: str, parameters: dict[str, str]) -> None:
    url = with_query(f"https://h/u?{query}", **parameters)
    assert url.startswith(f"https://h/u?{query}&")
    added = url.removeprefix(f"https://h/u?{query}&")
    assert dict(parse_qsl(added, keep_blank_values=True, strict_parsing=True, errors="surrogatepass")) == parameters


@given(_TEXT)
def test_any_text_is_read_as_a_header(text: str) -> None:
    upload_offset(text)
    content_range(text)
    retry_after(text, 0.0)
    link = next_link([text, f'<{text}>; rel="next"'], "https://h/v2/")
    assert link is None or origin_of(link) == origin_of("https://h/")


@given(st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()), st.integers(400, 599))
def test_any_body_is_read_as_an_error(body: bytes, status: int) -> None:
    for complaint in parse_complaints(body):
        assert all(char.isprintable() for char in complaint.code + complaint.message)
    assert failure_of("h", "pull x", status, body).message.startswith("cannot pull x: ")


@given(st.binary(max_size=200) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_as_a_token_or_none(body: bytes) -> None:
    token = parse_token(body)
    assert token is None or token.value.isascii()
