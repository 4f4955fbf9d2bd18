"""Shell words: quotes and escapes are removed, ``$x`` and ``${x…}`` replaced.

    ${x:-w} ${x-w}     w when x is unset (with the colon: or empty)
    ${x:+w} ${x+w}     w when x is set (with the colon: and not empty), else nothing
    ${x:?w} ${x?w}     an error with the text w when x is unset (with the colon: or empty)
    ${x#p} ${x##p}     without the shortest, longest prefix that matches the pattern p
    ${x%p} ${x%%p}     without the shortest, longest suffix
    ${x/p/r} ${x//p/r} with the first match, all matches replaced

An unset variable is empty. Inside single quotes nothing is special, inside double quotes only ``$`` and the escape
token before ``"``, ``$`` and itself.
"""

from __future__ import annotations

from collections.abc import Mapping

from boxwright.dockerfile import substitution
from boxwright.dockerfile.blanks import BLANKS
from boxwright.errors import InvalidError
from boxwright.values import NamedTuple

_MAX_DEPTH = 40
_MAX_VALUE = 256 * 1024
_SPECIAL_PARAMETERS = frozenset("@*#?-$!0")
_QUOTES_AND_DOLLAR = "'\"$"


class WordError(InvalidError):
    """A word that cannot be processed; `reason` is the message without the word."""

    def __init__(self, word: str, reason: str, hint: str | None = None) -> None:
        shown = word if len(word) <= 200 else word[:200] + "…"
        super().__init__(f'failed to process "{shown}": {reason}', hint=hint)
        self.word = word
        self.reason = reason


class Word(NamedTuple):
    value: str
    matched: tuple[str, ...] = ()
    """The variables that were used and are set, in order of first use."""
    unmatched: tuple[str, ...] = ()
    """The variables that are not set, though the word has no ``-``, ``+`` or ``?`` for that case."""


class Words(NamedTuple):
    values: tuple[str, ...]
    matched: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()


def process_word(text: str, env: Mapping[str, str], escape: str = "\\") -> Word:
    """Unquote and expand `text`, which stays one word whatever its values hold. Raises WordError."""
    if escape not in text and not any(char in text for char in _QUOTES_AND_DOLLAR):
        return Word(text)
    lexer = _Lexer(text, env, escape)
    value, _ = lexer.run()
    return Word(value, tuple(lexer.matched), tuple(lexer.unmatched))


def process_text(text: str, env: Mapping[str, str]) -> Word:
    """Expand the body of a here-document: quotes are ordinary, a backslash takes the meaning of what follows it.

    Raises WordError.
    """
    if "\\" not in text and "$" not in text:
        return Word(text)
    lexer = _Lexer(text, env, "\\", quotes=False)
    value, _ = lexer.run()
    return Word(value, tuple(lexer.matched), tuple(lexer.unmatched))


def process_words(text: str, env: Mapping[str, str], escape: str = "\\") -> Words:
    """Unquote and expand `text`, then split it at the blanks that are not quoted, in values too. Raises WordError."""
    lexer = _Lexer(text, env, escape)
    _, words = lexer.run()
    return Words(tuple(words), tuple(lexer.matched), tuple(lexer.unmatched))


class _Failure(Exception):
    """Why the word cannot be processed."""


class _Splitter:
    """Collects characters into words; a blank ends one, unless it was quoted. An empty word is none."""

    __slots__ = ("_word", "words")

    def __init__(self) -> None:
        self.words: list[str] = []
        self._word: list[str] = []

    def add(self, text: str) -> None:
        for char in text:
            if char in BLANKS:
                self.finish()
            else:
                self._word.append(char)

    def add_quoted(self, text: str) -> None:
        if text:
            self._word.append(text)

    def finish(self) -> list[str]:
        if self._word:
            self.words.append("".join(self._word))
            self._word = []
        return self.words


class _Lexer:
    __slots__ = ("_depth", "_env", "_escape", "_keep_escapes", "_position", "_quotes", "_text", "matched", "unmatched")

    def __init__(self, text: str, env: Mapping[str, str], escape: str, *, quotes: bool = True) -> None:
        self._text = text
        self._position = 0
        self._env = env
        self._escape = escape
        self._quotes = quotes
        self._keep_escapes = False  # inside a pattern, where they mean something
        self._depth = 0
        self.matched: dict[str, None] = {}
        self.unmatched: dict[str, None] = {}

    def run(self) -> tuple[str, list[str]]:
        try:
            value, words = self._until()
            if len(value) > len(self._text) + _MAX_VALUE:
                raise _Failure(f"it expands to more than {_MAX_VALUE // 1024} KiB")
        except _Failure as failure:
            raise WordError(self._text, str(failure)) from None
        return value, words

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _next(self) -> str:
        char = self._text[self._position : self._position + 1]
        self._position += 1
        return char

    def _until(self, stop: str = "", missing: str = "", *, keep_escapes: bool = False) -> tuple[str, list[str]]:
        """Process up to `stop`, which is consumed, or fail with `missing`. The empty string is the end of the text."""
        outer, self._keep_escapes = self._keep_escapes, keep_escapes
        result: list[str] = []
        splitter = _Splitter()
        while (char := self._peek()) != stop:
            if char == "":
                raise _Failure(missing)
            if char == "$":
                text = self._dollar()
                splitter.add(text)
            elif char == "'" and self._quotes:
                text = self._single_quotes()
                splitter.add_quoted(text)
            elif char == '"' and self._quotes:
                text = self._double_quotes()
                splitter.add_quoted(text)
            elif char == self._escape:
                self._position += 1
                text = self._next()  # the escape at the very end escapes nothing and is dropped
                if keep_escapes:
                    text = char + text
                splitter.add_quoted(text)
            else:
                text = self._next()
                splitter.add(text)
            result.append(text)
        self._position += 1
        self._keep_escapes = outer
        return "".join(result), splitter.finish()

    def _single_quotes(self) -> str:
        end = self._text.find("'", self._position + 1)
        if end < 0:
            raise _Failure("unexpected end of statement while looking for matching single-quote")
        text = self._text[self._position + 1 : end]
        self._position = end + 1
        return text

    def _double_quotes(self) -> str:
        self._position += 1
        result: list[str] = []
        while (char := self._peek()) != '"':
            if char == "":
                raise _Failure("unexpected end of statement while looking for matching double-quote")
            if char == "$":
                result.append(self._dollar())
                continue
            self._position += 1
            if char == self._escape:
                if self._keep_escapes:
                    result.append(char)
                if self._peek() == "":
                    continue
                if self._peek() in ('"', "$", self._escape):
                    char = self._next()
            result.append(char)
        self._position += 1
        return "".join(result)

    def _dollar(self) -> str:
        self._position += 1
        if self._peek() != "{":
            name = self._name()
            return self._value(name) if name else "$"
        self._position += 1
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _Failure("substitutions are nested too deeply")
        value = self._braces()
        self._depth -= 1
        if len(value) > _MAX_VALUE:
            raise _Failure(f"it expands to more than {_MAX_VALUE // 1024} KiB")
        return value

    def _braces(self) -> str:
        if self._peek() == "":
            raise _Failure("syntax error: missing '}'")
        if self._peek() in ("{", "}", ":"):
            raise _Failure("syntax error: bad substitution")
        name = self._name()
        modifier = self._next()
        colon = modifier == ":"
        if colon:
            modifier = self._next()
        match modifier:
            case "}" if not colon:
                return self._value(name)
            case "-" | "+" | "?":
                return self._conditional(name, modifier, colon)
            case "#" | "%" if not colon:
                return self._trimmed(name, modifier)
            case "/" if not colon:
                return self._replaced(name)
            case "":
                raise _Failure("syntax error: missing '}'")
        shown = (":" if colon else "") + modifier
        raise _Failure(f"unsupported modifier ({shown}) in substitution")

    def _word_to_brace(self, *, keep_escapes: bool = False) -> str:
        return self._until("}", "syntax error: missing '}'", keep_escapes=keep_escapes)[0]

    def _conditional(self, name: str, modifier: str, colon: bool) -> str:
        word = self._word_to_brace()
        value = self._env.get(name)
        if value is not None:
            self.matched[name] = None
        counts = value is not None and not (colon and value == "")
        if modifier == "+":
            return word if counts else ""
        if counts:
            assert value is not None
            return value
        if modifier == "-":
            return word
        default = "is not allowed to be unset" if value is None else "is not allowed to be empty"
        raise _Failure(f"{name}: {word or default}")

    def _trimmed(self, name: str, modifier: str) -> str:
        longest = self._peek() == modifier
        if longest:
            self._position += 1
        text = self._word_to_brace(keep_escapes=True)
        trim = substitution.trim_prefix if modifier == "#" else substitution.trim_suffix
        return trim(self._value(name), self._pattern(text), longest=longest)

    def _replaced(self, name: str) -> str:
        every = self._peek() == "/"
        if every:
            self._position += 1
        text, _ = self._until("/", "syntax error: missing '/' in ${}", keep_escapes=True)
        replacement = self._word_to_brace()
        return substitution.replace(self._value(name), self._pattern(text), replacement, every=every)

    def _pattern(self, text: str) -> substitution.Tokens:
        try:
            return substitution.parse_pattern(text, self._escape)
        except ValueError as error:
            raise _Failure(f"invalid pattern ({text}) in substitution: {error}") from None

    def _value(self, name: str) -> str:
        value = self._env.get(name)
        if value is None:
            self.unmatched[name] = None
            return ""
        self.matched[name] = None
        return value

    def _name(self) -> str:
        """Read a name, a number, or one of the shell's special parameters; "" when none of them follows."""
        start = self._position
        first = self._peek()
        if first.isdecimal():
            while self._peek().isdecimal():
                self._position += 1
        elif first in _SPECIAL_PARAMETERS:
            self._position += 1
        else:
            while (char := self._peek()) == "_" or char.isalpha() or char.isdecimal():
                self._position += 1
        return self._text[start : self._position]
