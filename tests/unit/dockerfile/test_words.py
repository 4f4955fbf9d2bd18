"""The shell-word lexer, case by case."""

from __future__ import annotations

import pytest

from boxwright.dockerfile.words import WordError, process_word, process_words

ENV = {
    "X": "val",
    "EMPTY": "",
    "PATHS": "usr/local/bin",
    "FILE": "archive.tar.gz",
    "STARS": "a*b*c",
    "QUERY": "what?",
    "SPACED": "one two",
    "PORTS": "3000 4000/udp",
    "QUOTED": 'it\'s "so"',
    "DOLLAR": "$X",
    "P": "*/",
    "_u1": "under",
    "ÜBER": "umlaut",
    "SLASHES": "a/b",
    "REPEAT": "aaaa",
    "BACK": "a\\b",
    "BRACKET": "a[b]c{d}e.f",
    "UNI": "naïve☺",
}

VALUES = [
    # plain text and quotes
    ("", ""),
    ("hello", "hello"),
    ("hello world", "hello world"),
    ("'hello'", "hello"),
    ('"hello"', "hello"),
    ("he'll'o", "hello"),
    ('he"ll"o', "hello"),
    ("''", ""),
    ('""', ""),
    ("a''b", "ab"),
    ('a""b', "ab"),
    ('"it\'s"', "it's"),
    ("'say \"hi\"'", 'say "hi"'),
    ("'a b'  c", "a b  c"),
    ("'a\\'b''", "a\\b"),
    ("'\\'", "\\"),
    ("'a\\nb'", "a\\nb"),
    ("naïve☺", "naïve☺"),
    # escapes
    ("he\\'llo", "he'llo"),
    ('he\\"llo', 'he"llo'),
    ("abc\\tdef", "abctdef"),
    ('"abc\\tdef"', "abc\\tdef"),
    ('"a\\"b"', 'a"b'),
    ('"a\\\\b"', "a\\b"),
    ('"a\\$X"', "a$X"),
    ('"a\\\'b"', "a\\'b"),
    ('"a\\`b"', "a\\`b"),
    ("a\\\\b", "a\\b"),
    ("\\$X", "$X"),
    ("\\${}", "${}"),
    ("\\\\$X", "\\val"),
    ("\\\\\\$X", "\\$X"),
    ("\\a\\b", "ab"),
    ("a\\ b", "a b"),
    ("end\\", "end"),
    ("\\", ""),
    ("\\☺", "☺"),
    # $name
    ("$X", "val"),
    ("$X.", "val."),
    ("$X$X", "valval"),
    ("$Xy", ""),
    ("a$X-b", "aval-b"),
    ('"$X"', "val"),
    ("'$X'", "$X"),
    ("\"'$X'\"", "'val'"),
    ("he$X'$X'", "heval$X"),
    ("$UNSET", ""),
    ("a${UNSET}b", "ab"),
    ("/path/$UNSET", "/path/"),
    ("$_u1", "under"),
    ("$ÜBER", "umlaut"),
    ("$DOLLAR", "$X"),
    ("$QUOTED", 'it\'s "so"'),
    ("$SPACED", "one two"),
    # a dollar that names nothing, and the shell's own parameters
    ("$", "$"),
    ("a$", "a$"),
    ("$.", "$."),
    ("$ X", "$ X"),
    ("$/", "$/"),
    ('"$"', "$"),
    ("$'X'", "$X"),
    ("he$1x", "hex"),
    ("$12x", "x"),
    ("$1X", "X"),
    ("$@", ""),
    ("$*a", "a"),
    ("$#", ""),
    ("$?!", "!"),
    ("$-", ""),
    ("$$", ""),
    ("$$X", "X"),
    ("$!", ""),
    ("$0", ""),
    # ${name}
    ("${X}", "val"),
    ("${X}y", "valy"),
    ('"${X}"', "val"),
    ("'${X}'", "${X}"),
    ("${UNSET}", ""),
    ("${aaa}}", "}"),
    ("${X}}", "val}"),
    ("{${X}}", "{val}"),
    ("${1}x", "x"),
    ("${@}", ""),
    ("$X}", "val}"),
    # :- and -
    ("${X:-d}", "val"),
    ("${X-d}", "val"),
    ("${UNSET:-d}", "d"),
    ("${UNSET-d}", "d"),
    ("${EMPTY:-d}", "d"),
    ("${EMPTY-d}", ""),
    ("${UNSET:-}", ""),
    ("${UNSET:-$X}", "val"),
    ("${UNSET:-${X}}", "val"),
    ("${UNSET:-${EMPTY:-c}}", "c"),
    ("${A:-${B:-c}}", "c"),
    ("${A:-${B:-${C:-d}}}", "d"),
    ("${UNSET:-a b}", "a b"),
    ("${UNSET:-'a}b'}", "a}b"),
    ('${UNSET:-"$X"}', "val"),
    ("${UNSET:-a\\}b}", "a}b"),
    ("${UNSET:-\\$X}", "$X"),
    ("${UNSET:-:}", ":"),
    ("${UNSET:--}", "-"),
    ("${UNSET--}", "-"),
    ("${UNSET:-\\\\}", "\\"),
    # :+ and +
    ("${X:+w}", "w"),
    ("${X+w}", "w"),
    ("${UNSET:+w}", ""),
    ("${UNSET+w}", ""),
    ("${EMPTY:+w}", ""),
    ("${EMPTY+w}", "w"),
    ("${X:+$X$X}", "valval"),
    ("${X:+}", ""),
    ("a${X:+:$X}", "a:val"),
    # :? and ?
    ("${X:?m}", "val"),
    ("${X?m}", "val"),
    ("${EMPTY?}", ""),
    ("${EMPTY?m}", ""),
    # prefixes
    ("${PATHS#usr}", "/local/bin"),
    ("${PATHS#*/}", "local/bin"),
    ("${PATHS##*/}", "bin"),
    ("${PATHS#local}", "usr/local/bin"),
    ("${PATHS#}", "usr/local/bin"),
    ("${PATHS##}", "usr/local/bin"),
    ("${PATHS#???}", "/local/bin"),
    ("${PATHS#*}", "usr/local/bin"),
    ("${PATHS##*}", ""),
    ("${PATHS##*o}", "cal/bin"),
    ("${PATHS#$P}", "local/bin"),
    ("${PATHS#${P}}", "local/bin"),
    ("${PATHS#${UNSET:-usr}}", "/local/bin"),
    ('${PATHS#"usr"}', "/local/bin"),
    ("${UNSET#x}", ""),
    ("${EMPTY##*}", ""),
    ("${STARS#a\\*}", "b*c"),
    ("${STARS#*\\*}", "b*c"),
    ("${STARS##*\\*}", "c"),
    ("${STARS#a?b}", "*c"),
    ("${QUERY#what\\?}", ""),
    ("${BACK#a\\\\}", "b"),
    ("${SLASHES#a\\/}", "b"),
    ("${BRACKET#a[b]}", "c{d}e.f"),
    ("${BRACKET#a?b?}", "c{d}e.f"),
    ("${UNI#na?ve}", "☺"),
    # suffixes
    ("${FILE%.gz}", "archive.tar"),
    ("${FILE%.*}", "archive.tar"),
    ("${FILE%%.*}", "archive"),
    ("${FILE%.zip}", "archive.tar.gz"),
    ("${FILE%}", "archive.tar.gz"),
    ("${FILE%%}", "archive.tar.gz"),
    ("${FILE%??}", "archive.tar."),
    ("${FILE%*}", "archive.tar.gz"),
    ("${FILE%%*}", ""),
    ("${PATHS%/*}", "usr/local"),
    ("${PATHS%%/*}", "usr"),
    ("${STARS%\\**}", "a*b"),
    ("${STARS%%\\**}", "a"),
    ("${QUERY%\\?}", "what"),
    ("${UNI%☺}", "naïve"),
    ("${UNSET%x}", ""),
    # replacements
    ("${PATHS/local/opt}", "usr/opt/bin"),
    ("${PATHS/\\//:}", "usr:local/bin"),
    ("${PATHS//\\//:}", "usr:local:bin"),
    ("${PATHS/nothing/x}", "usr/local/bin"),
    ("${PATHS/local/}", "usr//bin"),
    ("${PATHS/local/$X}", "usr/val/bin"),
    ("${PATHS/$X/x}", "usr/local/bin"),
    ("${PATHS/l*l/x}", "usr/x/bin"),
    ("${PATHS/l*/x}", "usr/x"),
    ("${PATHS/l?c/x}", "usr/xal/bin"),
    ("${REPEAT/a/b}", "baaa"),
    ("${REPEAT//a/b}", "bbbb"),
    ("${REPEAT//aa/b}", "bb"),
    ("${REPEAT//aaa/b}", "ba"),
    ("${REPEAT//*/b}", "b"),
    ("${STARS//\\*/-}", "a-b-c"),
    ("${FILE/./\\}}", "archive}tar.gz"),
    ("${BRACKET/./_}", "a[b]c{d}e_f"),
    ("${X/v/$1}", "al"),
    ("${EMPTY/a/b}", ""),
    ("${UNSET/a/b}", ""),
    ("${UNI/☺/!}", "naïve!"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_word_has_value(text: str, value: str) -> None:
    assert process_word(text, ENV).value == value


def test_the_table_is_large_enough_to_mean_something() -> None:
    assert len(VALUES) >= 120


ERRORS = [
    ("'open", "unexpected end of statement while looking for matching single-quote"),
    ("'a\\'b'", "unexpected end of statement while looking for matching single-quote"),
    ('"open', "unexpected end of statement while looking for matching double-quote"),
    ('"open\\"', "unexpected end of statement while looking for matching double-quote"),
    ('"$X', "unexpected end of statement while looking for matching double-quote"),
    ("${", "syntax error: missing '}'"),
    ("${X", "syntax error: missing '}'"),
    ("${X:", "syntax error: missing '}'"),
    ("${X:-", "syntax error: missing '}'"),
    ("${X:-d", "syntax error: missing '}'"),
    ("${X:-'d}", "unexpected end of statement while looking for matching single-quote"),
    ('${X:-"d}', "unexpected end of statement while looking for matching double-quote"),
    ("${X#a", "syntax error: missing '}'"),
    ("${X/a/b", "syntax error: missing '}'"),
    ("${X/a", "syntax error: missing '/' in ${}"),
    ("${X/a}", "syntax error: missing '/' in ${}"),
    ("${}", "syntax error: bad substitution"),
    ("${:}", "syntax error: bad substitution"),
    ("${:-a}", "syntax error: bad substitution"),
    ("${{", "syntax error: bad substitution"),
    ("${{X}}", "syntax error: bad substitution"),
    ("${X:YYY}", "unsupported modifier (:Y) in substitution"),
    ("${X:=0}", "unsupported modifier (:=) in substitution"),
    ("${X=0}", "unsupported modifier (=) in substitution"),
    ("${X:}", "unsupported modifier (:}) in substitution"),
    ("${X:#v}", "unsupported modifier (:#) in substitution"),
    ("${X:%l}", "unsupported modifier (:%) in substitution"),
    ("${X:/a/b}", "unsupported modifier (:/) in substitution"),
    ("${X y}", "unsupported modifier ( ) in substitution"),
    ("${.}", "unsupported modifier (.) in substitution"),
    ("${X#\\a}", "invalid pattern (\\a) in substitution: invalid escape '\\a'"),
    ("${X%\\a}", "invalid pattern (\\a) in substitution: invalid escape '\\a'"),
    ("${X/\\a/b}", "invalid pattern (\\a) in substitution: invalid escape '\\a'"),
    ("${UNSET:?}", "UNSET: is not allowed to be unset"),
    ("${UNSET?}", "UNSET: is not allowed to be unset"),
    ("${EMPTY:?}", "EMPTY: is not allowed to be empty"),
    ("${UNSET:?give it}", "UNSET: give it"),
    ("${UNSET?$X}", "UNSET: val"),
    ("${EMPTY:?give it}", "EMPTY: give it"),
    ("${X:-${UNSET:?never kept, still read}}", "UNSET: never kept, still read"),
]


@pytest.mark.parametrize(("text", "reason"), ERRORS)
def test_word_is_refused(text: str, reason: str) -> None:
    with pytest.raises(WordError) as caught:
        process_word(text, ENV)
    assert caught.value.reason == reason
    assert caught.value.message == f'failed to process "{text}": {reason}'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a`$X", "a$X"),
        ("a\\$X", "a\\val"),
        ('"a`"b"', 'a"b'),
        ("c:\\dir", "c:\\dir"),
        ("${UNSET:-a`}b}", "a}b"),
        ("``", "`"),
    ],
)
def test_the_escape_token_can_be_a_backtick(text: str, value: str) -> None:
    assert process_word(text, ENV, "`").value == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ()),
        ("   ", ()),
        ("a", ("a",)),
        (" a  b\tc ", ("a", "b", "c")),
        ("'a b' c", ("a b", "c")),
        ('"a b"c', ("a bc",)),
        ("a\\ b c", ("a b", "c")),
        ("$PORTS", ("3000", "4000/udp")),
        ('"$PORTS"', ("3000 4000/udp",)),
        ("'$PORTS'", ("$PORTS",)),
        ("x$PORTS", ("x3000", "4000/udp")),
        ("$PORTS$X", ("3000", "4000/udpval")),
        ("$EMPTY a", ("a",)),
        ("'' a", ("a",)),
        ("$UNSET", ()),
        ("${UNSET:-a b}", ("a", "b")),
        ("${UNSET:-'a b'}", ("a", "b")),
        ("$SPACED'$X'", ("one", "two$X")),
    ],
)
def test_words_split_after_expansion(text: str, words: tuple[str, ...]) -> None:
    assert process_words(text, ENV).values == words


@pytest.mark.parametrize(
    ("text", "matched", "unmatched"),
    [
        ("plain", (), ()),
        ("$X ${X}", ("X",), ()),
        ("$X$UNSET", ("X",), ("UNSET",)),
        ("${B}${A}${B}", (), ("B", "A")),
        ("${UNSET:-$X}", ("X",), ()),
        ("${UNSET:+a}", (), ()),
        ("${X:-d}", ("X",), ()),
        ("${UNSET#a}", (), ("UNSET",)),
        ("${PATHS/a/$UNSET}", ("PATHS",), ("UNSET",)),
        ("'$X'\\$X", (), ()),
    ],
)
def test_used_and_missing_variables_are_told(text: str, matched: tuple[str, ...], unmatched: tuple[str, ...]) -> None:
    word = process_word(text, ENV)
    assert (set(word.matched), word.unmatched) == (set(matched), unmatched)


def test_deep_nesting_is_refused_before_it_overflows() -> None:
    with pytest.raises(WordError, match="nested too deeply"):
        process_word("${A:-" * 5000 + "}" * 5000, {})


def test_a_value_that_doubles_itself_is_stopped() -> None:
    env = {"A": "x" * 200_000}
    with pytest.raises(WordError, match="more than 256 KiB"):
        process_word("$A$A", env)


def test_hostile_pattern_is_quick() -> None:
    env = {"A": "a" * 20_000}
    assert process_word("${A##" + "*a" * 40 + "b}", env).value == env["A"]
