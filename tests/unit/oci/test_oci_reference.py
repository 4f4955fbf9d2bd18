from __future__ import annotations

import pytest

from boxwright.oci.digest import Digest
from boxwright.oci.reference import InvalidReference, Reference

D = "sha256:" + "a1" * 32


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("debian", "docker.io/library/debian", "debian"),
        ("debian:12", "docker.io/library/debian:12", "debian:12"),
        ("ada/web", "docker.io/ada/web", "ada/web"),
        ("docker.io/debian", "docker.io/library/debian", "debian"),
        ("docker.io/library/debian:12", "docker.io/library/debian:12", "debian:12"),
        ("index.docker.io/ada/web", "docker.io/ada/web", "ada/web"),
        ("library/debian", "docker.io/library/debian", "debian"),
        ("docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"),
        ("localhost/web", "localhost/web", "localhost/web"),  # the rule of library/ is docker.io's alone
        ("localhost:5000/web:1", "localhost:5000/web:1", "localhost:5000/web:1"),
        ("registry.example/a/b/c:x", "registry.example/a/b/c:x", "registry.example/a/b/c:x"),
        ("10.0.0.1:80/a", "10.0.0.1:80/a", "10.0.0.1:80/a"),
        ("[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"),
        ("Host/a", "Host/a", "Host/a"),  # no user has an upper-case letter: it is a host
        ("host:5000/a", "host:5000/a", "host:5000/a"),
        ("a:5000", "docker.io/library/a:5000", "a:5000"),  # without a slash behind it, it is a tag
        (f"debian@{D}", f"docker.io/library/debian@{D}", f"debian@{D}"),
        (f"host:1/a/b:t@{D}", f"host:1/a/b:t@{D}", f"host:1/a/b:t@{D}"),
        ("a__b/c--d/e.f_g", "docker.io/a__b/c--d/e.f_g", "a__b/c--d/e.f_g"),
        ("a:" + "x" * 128, "docker.io/library/a:" + "x" * 128, "a:" + "x" * 128),
        ("a:_x.Y-z", "docker.io/library/a:_x.Y-z", "a:_x.Y-z"),
        ("docker.io/0.0/a", "docker.io/0.0/a", "docker.io/0.0/a"),  # 0.0/a would be on the host 0.0
        ("0123456789ab", "docker.io/library/0123456789ab", "0123456789ab"),
    ],
)
def test_what_a_person_types(text: str, full: str, familiar: str) -> None:
    ref = Reference.parse(text)
    assert str(ref) == full
    assert ref.familiar() == familiar
    assert Reference.parse(familiar) == Reference.parse(full) == ref


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("a" * 64, "64 hex digits are an image ID, not a name"),
        ("Debian", "repository names are lower case"),
        ("ada/Web:1", "repository names are lower case"),
        ("a:", "invalid tag ''"),
        ("a:" + "x" * 129, "invalid tag"),
        ("a:-x", "invalid tag '-x'"),
        ("a:x y", "invalid tag 'x y'"),
        ("a/", "invalid repository name 'a/'"),
        ("/a", "invalid repository name '/a'"),
        ("a//b", "invalid repository name"),
        ("a..b", "invalid repository name"),
        ("a___b", "invalid repository name"),
        ("-a", "invalid repository name"),
        ("a b", "invalid repository name"),
        ("a@", "invalid digest ''"),
        ("a@sha256:xyz", "invalid digest"),
        (f"a@{D}x", "invalid digest"),
        ("a@md5:" + "0" * 32, "invalid digest"),
        ("host_name.example/a", "invalid host 'host_name.example'"),
        ("host:port/a", "invalid host 'host:port'"),
        ("host:123456/a", "invalid host"),
        ("a\n", "invalid repository name"),
        ("localhost/" + "a" * 250, "the name is longer than 255 characters"),
        ("ä", "invalid repository name"),
    ],
)
def test_what_is_no_reference(text: str, why: str) -> None:
    with pytest.raises(InvalidReference) as caught:
        Reference.parse(text)
    assert why in caught.value.message
    assert caught.value.text == text


def test_upper_case_gets_a_hint() -> None:
    with pytest.raises(InvalidReference) as caught:
        Reference.parse("ada/Web:1")
    assert caught.value.hint == "did you mean ada/web:1?"


def test_the_default_tag() -> None:
    assert Reference.parse("a").with_default_tag().tag == "latest"
    assert Reference.parse("a:1").with_default_tag().tag == "1"
    pinned = Reference.parse(f"a@{D}").with_default_tag()
    assert (pinned.tag, pinned.digest) == (None, Digest(D))


def test_the_repository() -> None:
    ref = Reference.parse(f"debian:12@{D}")
    assert (ref.repository, ref.familiar_repository) == ("docker.io/library/debian", "debian")
