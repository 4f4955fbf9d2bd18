"""Values: what ``typing.NamedTuple`` makes, made ten times as fast.

The command defines a hundred of these classes before it does anything. typing compiles every annotation of every
class to look at it, and `collections.namedtuple` compiles a constructor; together that is 0.1 ms a class. Here
annotations are left alone, and a constructor is compiled when the first instance is made. To a type checker nothing
differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from operator import itemgetter

    try:
        # What collections takes, too: a getter in C that is twice as fast as a property.
        from _collections import _tuplegetter
    except ImportError:

        def _tuplegetter(index, doc):
            return property(itemgetter(index), doc=doc)

    class _Value(tuple):
        """What all values have in common: see `collections.namedtuple` for the methods."""

        __slots__ = ()

        @classmethod
        def _make(cls, iterable):
            made = tuple.__new__(cls, iterable)
            if len(made) != len(cls._fields):
                raise TypeError(f"expected {len(cls._fields)} arguments, got {len(made)}")
            return made

        def _replace(self, /, **changes):
            made = self._make(map(changes.pop, self._fields, self))
            if changes:
                raise ValueError(f"got unexpected field names: {list(changes)!r}")
            return made

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            fields = ", ".join([f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True)])
            return f"{self.__class__.__name__}({fields})"

        def __getnewargs__(self):
            return tuple(self)

    # typing refuses these, too: the fields alone are what a value is.
    _RESERVED = frozenset({"__new__", "__init__", "__getnewargs__", "_fields", "_field_defaults", "_make", "_replace"})

    class _Maker(type):
        """Turns the body of a class into a subclass of tuple; leaves no trace in it."""

        def __new__(cls, name, bases, namespace):
            if not _RESERVED.isdisjoint(namespace):
                raise AttributeError(f"{name} replaces {min(_RESERVED & namespace.keys())}, which a value has already")
            fields = tuple(namespace.get("__annotations__", ()))
            defaults = {field: namespace[field] for field in fields if field in namespace}
            if tuple(defaults) != fields[len(fields) - len(defaults) :]:
                raise TypeError(f"{name} has a field without a default after one that has a default")
            for index, field in enumerate(fields):
                namespace[field] = _tuplegetter(index, f"Alias for field number {index}")

            def first(cls, /, *args, **kwargs):
                constructor = _constructor(name, fields, tuple(defaults.values()))
                made.__new__ = staticmethod(constructor)
                return constructor(cls, *args, **kwargs)

            namespace.update(
                __slots__=(), __match_args__=fields, _fields=fields, _field_defaults=defaults, __new__=first
            )
            made = type(name, (_Value, *bases[1:]), namespace)
            return made

    def _constructor(name, fields, defaults):
        arguments = ", ".join(fields)
        comma = "," if len(fields) == 1 else ""
        made = eval(
            f"lambda _cls, {arguments}: _new(_cls, ({arguments}{comma}))",
            {"_new": tuple.__new__, "__builtins__": {}, "__name__": f"value_{name}"},
        )
        made.__name__, made.__qualname__ = "__new__", f"{name}.__new__"
        made.__defaults__ = defaults
        return made

    NamedTuple = type.__new__(_Maker, "NamedTuple", (), {"__doc__": __doc__})
