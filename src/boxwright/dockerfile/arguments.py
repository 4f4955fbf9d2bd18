"""How the rest of an instruction's line falls apart: flags, words, ``name=value`` pairs, JSON arrays.

Nothing is unquoted or expanded here (flags excepted): words keep their quotes and escapes for `words` to process.
"""

from __future__ import annotations

from boxwright.dockerfile.blanks import BLANKS, split_plain


class ArgumentsError(ValueError):
    """Arguments that cannot be split; the parser turns it into a DockerfileError with its place."""

    def __init__(self, message: str, mark: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.mark = mark


def split_flags(rest: str) -> tuple[tuple[str, ...], str]:
    """Split the leading ``--name[=value]`` words off `rest`: (flags without their quotes, what follows).

    A lone ``--`` ends the flags and is dropped. Quotes and backslashes work as in a shell, whatever the escape token.
    """
    flags: list[str] = []
    position, end = 0, len(rest)
    while True:
        while position < end and rest[position] in BLANKS:
            position += 1
        if not rest.startswith("--", position):
            return tuple(flags), rest[position:].strip(BLANKS)
        flag, position = _flag_word(rest, position)
        if flag == "--":
            return tuple(flags), rest[position:].strip(BLANKS)
        flags.append(flag)


def _flag_word(rest: str, position: int) -> tuple[str, int]:
    """Return the unquoted word that starts at `position`, and where it ends."""
    word: list[str] = []
    quote = ""
    while position < len(rest):
        char = rest[position]
        position += 1
        if char == "\\":
            word.append(rest[position : position + 1])
            position += 1
        elif quote:
            if char == quote:
                quote = ""
            else:
                word.append(char)
        elif char in "'\"":
            quote = char
        elif char in BLANKS:
            break
        else:
            word.append(char)
    return "".join(word), position


def split_words(rest: str, escape: str) -> list[str]:
    """Split at blanks that are neither quoted nor escaped; every word keeps its quotes and escapes."""
    words: list[str] = []
    word: list[str] = []
    quote = ""
    position, end = 0, len(rest)
    while position < end:
        char = rest[position]
        position += 1
        if char == escape and quote != "'":
            if position == end:  # an escape that escapes nothing is dropped
                break
            word.append(char + rest[position])
            position += 1
        elif quote:
            word.append(char)
            if char == quote:
                quote = ""
        elif char in BLANKS:
            if word:
                words.append("".join(word))
                word = []
        else:
            word.append(char)
            if char in "'\"":
                quote = char
    if word:
        words.append("".join(word))
    return words


def name_values(rest: str, keyword: str, escape: str) -> tuple[tuple[tuple[str, str], ...], bool]:
    """Split ENV's and LABEL's arguments: (pairs, whether it is the legacy form ``NAME all the rest``).

    Raises ArgumentsError.
    """
    words = split_words(rest, escape)
    if not words:
        return (), False
    if "=" not in words[0]:
        name, *value = split_plain(rest, 1)
        if not value:
            raise ArgumentsError(f"{keyword} must have two arguments")
        return ((name, value[0]),), True
    pairs = []
    for word in words:
        name, equals, value_text = word.partition("=")
        if not equals:
            quoted = '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
            raise ArgumentsError(f"Syntax error - can't find = in {quoted}. Must be of the form: name=value", mark=word)
        pairs.append((name, value_text))
    return tuple(pairs), False


def json_strings(rest: str) -> tuple[str, ...] | None:
    """Return the strings when `rest` is a JSON array of strings, None when it is not JSON (the shell form).

    Raises ArgumentsError for an array that holds anything else: no shell command looks like that.
    """
    if not rest.startswith("["):
        return None
    import json  # most lines are not in this form, and a warm start should not pay for it

    try:
        # Numbers as floats: a whole number of ten thousand digits is refused by int(), and is refused here anyway.
        values = json.loads(rest, parse_int=float, parse_constant=_no_constant)
    except RecursionError:
        values = [None]
    except ValueError:
        return None
    if not all(isinstance(value, str) for value in values):
        raise ArgumentsError("when using JSON array syntax, arrays must be comprised of strings only")
    if any("\0" in value for value in values):
        raise ArgumentsError("an argument can't hold a NUL character")
    # A lone surrogate ("\ud800") is no character and could be written nowhere.
    return tuple(value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for value in values)


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")
