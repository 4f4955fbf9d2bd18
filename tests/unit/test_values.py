from __future__ import annotations

import copy
import pickle
import typing
from typing import Generic, TypeVar

import pytest

from boxwright.values import NamedTuple

T = TypeVar("T")


class Point(NamedTuple):
    """A place."""

    x: int
    y: int = 2
    names: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return self.x + self.y

    def moved(self, by: int) -> Point:
        return self._replace(x=self.x + by)


class Box(NamedTuple, Generic[T]):
    content: T


class Nothing(NamedTuple):
    pass


class Reference(typing.NamedTuple):
    x: int
    y: int = 2
    names: tuple[str, ...] = ()


def test_is_a_tuple_with_names() -> None:
    point = Point(1)
    assert isinstance(point, tuple)
    assert point == (1, 2, ())
    assert (point.x, point.y, point.total) == (1, 2, 3)
    assert Point.__doc__ == "A place."
    assert not hasattr(point, "__dict__")


@pytest.mark.parametrize("keywords", [{"x": 1}, {"x": 1, "y": 5}, {"names": ("a",), "x": 0}])
def test_makes_what_typing_makes(keywords: dict[str, typing.Any]) -> None:
    ours, theirs = Point(**keywords), Reference(**keywords)
    assert ours == theirs
    assert ours._asdict() == theirs._asdict()
    assert repr(ours) == repr(theirs).replace("Reference", "Point")
    assert hash(ours) == hash(theirs)


def test_describes_its_fields_as_typing_does() -> None:
    assert Point._fields == Reference._fields
    assert Point._field_defaults == Reference._field_defaults
    assert Point.__match_args__ == Reference.__match_args__
    assert typing.get_type_hints(Point) == typing.get_type_hints(Reference)


@pytest.mark.parametrize(
    ("arguments", "keywords"), [((), {}), ((1, 2, (), 4), {}), ((1,), {"x": 1}), ((1,), {"z": 1}), ((), {"y": 1})]
)
def test_refuses_arguments_that_do_not_fit(arguments: tuple[int, ...], keywords: dict[str, int]) -> None:
    class Fresh(NamedTuple):
        x: int
        y: int = 2
        names: tuple[str, ...] = ()

    for _ in range(2):  # the first call is the one that compiles
        with pytest.raises(TypeError, match=r"Fresh\.__new__\(\)"):
            Fresh(*arguments, **keywords)


def test_can_be_replaced_copied_pickled_and_matched() -> None:
    point = Point(1, 3)
    assert point.moved(4) == (5, 3, ())
    assert type(point.moved(4)) is Point
    assert type(copy.copy(point)) is Point
    assert pickle.loads(pickle.dumps(point)) == point
    assert Point._make([7, 8, ("a",)]) == (7, 8, ("a",))
    match point:
        case Point(x, y):
            assert (x, y) == (1, 3)
    with pytest.raises(TypeError):
        Point._make([1])
    with pytest.raises(ValueError, match="z"):
        point._replace(z=1)


def test_may_be_generic_empty_and_the_base_of_a_class() -> None:
    class Marked(Point):
        def __new__(cls, x: int) -> Marked:
            return super().__new__(cls, x, x)

    assert Box[int](3).content == 3
    assert Nothing() == ()
    assert Marked(4) == (4, 4, ())
    assert type(Marked(4)) is Marked


def test_refuses_bodies_that_typing_refuses() -> None:
    with pytest.raises(TypeError, match="without a default"):
        type(NamedTuple)("Bad", (NamedTuple,), {"__annotations__": {"x": "int", "y": "int"}, "x": 1})
    with pytest.raises(AttributeError, match="__new__"):
        type(NamedTuple)("Bad", (NamedTuple,), {"__annotations__": {"x": "int"}, "__new__": None})
