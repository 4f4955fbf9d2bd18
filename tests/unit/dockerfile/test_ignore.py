""".dockerignore, case by case."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.ignore import IgnoreRules
from boxwright.dockerfile.source import DockerfileError, Source


def rules(*lines: str) -> IgnoreRules:
    return IgnoreRules.parse(Source(".dockerignore", "\n".join(lines)))


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("", []),
        ("\n \n\t\n", []),
        ("# note\na", ["a"]),
        (" # a", ["# a"]),
        ("  a  \n", ["a"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("\ufeffa", ["a"]),
        ("\ufeff# note", []),
        ("!a\n! b", ["!a", "! b"]),
    ],
)
def test_lines_are_patterns(text: str, patterns: list[str]) -> None:
    parsed = IgnoreRules.parse(Source(".dockerignore", text))
    assert [pattern.text for pattern in parsed.patterns] == patterns
    assert bool(parsed) is bool(patterns)


@pytest.mark.parametrize(
    ("lines", "path", "excluded"),
    [
        # plain names, and what is below them
        (["a"], "a", True),
        (["a"], "a/b/c", True),
        (["a"], "b/a", False),
        (["a"], "ab", False),
        (["a/b"], "a/b", True),
        (["a/b"], "a", False),
        (["a/b"], "a/c", False),
        (["a"], ".", False),
        (["*"], ".", False),
        # cleaning
        (["/a"], "a", True),
        (["/a/"], "a", True),
        (["./a"], "a", True),
        (["a//b"], "a/b", True),
        (["a/./b"], "a/b", True),
        (["a/../b"], "b", True),
        (["a/.."], "a", False),
        (["/../a"], "a", True),
        (["../a"], "a", False),
        (["."], "a", False),
        (["/"], "a", False),
        (["!a", "a"], "a", True),
        (["  a  "], "a", True),
        # * ? []
        (["*"], "a", True),
        (["*"], "a/b", True),
        (["*/b"], "a/b", True),
        (["*/b"], "b", False),
        (["*/b"], "a/a/b", False),
        (["*.md"], "README.md", True),
        (["*.md"], "docs/README.md", False),
        (["a?"], "ab", True),
        (["a?"], "a/", False),
        (["a?b"], "a/b", False),
        (["a[b-d]e"], "ace", True),
        (["a[b-d]e"], "aae", False),
        (["a[^b-d]e"], "aze", True),
        (["\\*"], "*", True),
        (["\\*"], "a", False),
        (["\\a"], "a", True),
        (["a\\\\"], "a\\", True),
        (["a\\/b"], "a/b", True),
        # **
        (["**"], "a", True),
        (["**/"], "a/b", True),
        (["**/**"], "a/b", True),
        (["**/x"], "x", True),
        (["**/x"], "a/b/x", True),
        (["**/x"], "a/x/b", True),
        (["**/x"], "ax", False),
        (["**/.foo"], "bar.foo", False),
        (["**/.foo"], "a/.foo", True),
        (["**/x/y"], "a/x/y", True),
        (["**/x/y"], "x/y", True),
        (["**/x/y"], "x/a/y", False),
        (["**/*.txt"], "a.txt", True),
        (["**/*.txt"], "a/b.txt", True),
        (["**/**/*.txt"], "a.txt", True),
        (["abc/**"], "abc", False),
        (["abc/**"], "abc/d", True),
        (["abc/**"], "abc/d/e", True),
        (["abc/**"], "abcd/e", False),
        (["a/**/b"], "a/b", True),
        (["a/**/b"], "a/x/y/b", True),
        (["a/**/b"], "ab", False),
        (["a**/*.txt"], "a/f.txt", True),
        (["a**/*.txt"], "ab/c/f.txt", True),
        (["a**/*.txt"], "b/f.txt", False),
        (["a/*.txt**"], "a/f.txt", True),
        (["a/*.txt**"], "a/f.txt.d/x", True),
        (["**file"], "myfile", True),
        (["**file"], "a/myfile", True),
        (["**file*"], "a/file1", True),
        (["**file*"], "myfile1", False),
        (["a**"], "ab/c", True),
        (["a**b"], "ab", True),
        (["a**b"], "axb", False),
        (["a**b"], "ax/y/b", True),
        # characters that mean something only elsewhere
        (["a.c"], "abc", False),
        (["a+(b)|$^{1}"], "a+(b)|$^{1}", True),
        (["dist/pkg-2.4.0rc3.dev36+g08acad9.whl"], "dist/pkg-2.4.0rc3.dev36+g08acad9.whl", True),
        (["naïve ☺"], "naïve ☺", True),
        (["a b"], "a b", True),
        (["a]"], "a]", True),
        (["~^"], "~^", True),
        # the last line that matches decides
        (["*.md", "!README.md"], "README.md", False),
        (["!README.md", "*.md"], "README.md", True),
        (["*.md", "!README*.md", "README-secret.md"], "README-secret.md", True),
        (["*.md", "!README*.md", "README-secret.md"], "README-1.md", False),
        (["dir", "!dir/x"], "dir/x", False),
        (["dir", "!dir/x"], "dir/y", True),
        (["dir", "!dir/x"], "dir/x/y", False),
        (["dir", "!dir/x", "dir"], "dir/x", True),
        (["dir/*", "!dir/x"], "dir/x", False),
        (["**", "!a/b"], "a/b/c", False),
        (["**", "!a/b", "a/b/c"], "a/b/c", True),
        (["**", "!a/b"], "a", True),
        (["*", "!**/x"], "a/b/x", False),
        (["!a"], "a", False),
        (["a", "! a"], "a", False),
        (["a", "!/a"], "a", False),
        (["a", "!!a"], "a", True),
        (["!a", "b"], "c", False),
    ],
)
def test_path_is_excluded(lines: list[str], path: str, excluded: bool) -> None:
    assert rules(*lines).matches(path) is excluded


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("!", 'illegal exclusion pattern: "!"'),
        (" ! ", 'illegal exclusion pattern: "!"'),
        ("[x-]", "syntax error in pattern: [x-]"),
        ("[]a]", "syntax error in pattern: []a]"),
        ("a/[", "syntax error in pattern: a/["),
        ("a\\", "syntax error in pattern: a\\"),
        ("![", "syntax error in pattern: !["),
        ("a[b/c]", "syntax error in pattern: a[b/c]"),
        ("a**b" * 20, "syntax error in pattern: " + "a**b" * 20),
    ],
)
def test_a_bad_line_is_refused_with_its_place(line: str, message: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        rules("good", line)
    assert caught.value.message == message
    assert caught.value.detail[0] == ".dockerignore:2"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("lines", "directory", "excluded", "prunable", "keeps_all"),
    [
        ([], "a", False, False, True),
        (["b"], "a", False, False, True),
        (["a"], "a", True, True, False),
        (["a/b"], "a", False, False, False),
        (["**/x"], "a", False, False, False),
        (["a", "!a/x"], "a", True, False, False),
        (["a", "!a/x"], "a/b", True, True, False),
        (["a", "!a/x"], "a/x", False, False, True),
        (["a", "!b/x"], "a", True, True, False),
        (["!a/x", "a"], "a", True, True, False),
        (["a", "!**/x"], "a/b", True, False, False),
        (["a", "!a/*/x"], "a/b", True, False, False),
        (["a", "!a/*/x"], "a/b/c", True, True, False),
        (["*.md", "!README.md"], "docs", False, False, True),
        (["a/**"], "a", False, False, False),
        (["a/**"], "a/b", True, True, False),
    ],
)
def test_a_walk_knows_where_it_need_not_look(
    lines: list[str], directory: str, excluded: bool, prunable: bool, keeps_all: bool
) -> None:
    scope = rules(*lines).root
    for name in directory.split("/"):
        scope = scope.enter(name)
    assert (scope.excluded, scope.prunable, scope.keeps_all) == (excluded, prunable, keeps_all)


def test_directories_in_which_the_same_is_left_share_a_scope() -> None:
    root = rules("**/*.pyc", ".git", "docs/*.md").root
    assert root.enter("a").enter("b") is root.enter("c")
    assert root.enter("docs") is not root.enter("a")


def test_no_rules_exclude_nothing() -> None:
    none = IgnoreRules.none()
    assert none.root.keeps_all
    assert not none.matches("a")
    assert not none


def test_the_deciding_line_can_be_named() -> None:
    parsed = rules("# what stays out", "docs", "!docs/README.md")
    decisive = parsed.decisive("docs/api/x")
    assert decisive is not None
    assert str(decisive.span) == ".dockerignore:2"
    kept = parsed.decisive("docs/README.md")
    assert kept is not None
    assert not kept.excludes
    assert parsed.decisive("src") is None


def test_many_rules_stay_quick() -> None:
    parsed = rules(
        *(f"dir{number}/*.o{number}" for number in range(1500)), *(f"file{number}" for number in range(1500))
    )
    assert parsed.matches("file1499")
    assert parsed.matches("dir7/a.o7")
    assert not parsed.matches("dir7/a.o8")
