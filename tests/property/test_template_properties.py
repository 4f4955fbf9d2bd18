"""A template renders or says what is wrong with it: nothing else comes out of it."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from boxwright.cli.template import Template, TemplateError

_WORDS = st.sampled_from(
    [
        *("{{", "}}", "{{-", "-}}", ".", ".A", ".A.B", "$", "$x", ":=", "=", "|", "(", ")", ",", '"', "`", "'", "/*"),
        *("if", "else", "end", "range", "with", "json", "join", "split", "index", "printf", "len", "slice", "upper"),
        *("eq", "lt", "and", "or", "not", "truncate", "pad", "title", "println", "print", "template", "nil", "true"),
        *("0", "1", "-1", "99999999", "1.5", "'a'", '"%d %s"', '"x"', " ", "\n", "text", "%", "\\"),
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["A", "B", "x"]), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(_WORDS, max_size=14).map(" ".join) | st.text(max_size=20), _JSON)
@example('{{printf "%999999999d" 1}}', None)
@example("{{pad .A 999999999999 1}}", {"A": "x"})
@example("{{range 99999999999}}{{end}}", None)
@example('{{printf "%x" .A}}', {"A": "x"})
@example("{{json .A}}", {"A": [None]})
@settings(max_examples=500)
def test_anything_renders_or_is_a_template_error(text: str, data: object) -> None:
    try:
        rendered = Template(text).render(data)
    except TemplateError:
        return
    assert isinstance(rendered, str)


@given(st.lists(_WORDS, min_size=1, max_size=8).map(" ".join), _JSON)
@settings(max_examples=500)
def test_anything_in_an_action(text: str, data: object) -> None:
    try:
        Template("{{" + text + "}}").render(data)
    except TemplateError:
        return
