"""`dataclass` for frozen values, without the start-up cost of `dataclasses`.

Owns `dataclass`, `field`, `fields` and `replace`. Names and behaviour match the standard library's
`dataclasses`, restricted to frozen classes with slots and without bases. Type checkers see the
originals. Measured: importing `dataclasses` (with `inspect`) and compiling the methods of the
classes that the command line needs took 35 ms, twice the start of a bare interpreter. Here nothing
is compiled: one `__init__` serves all classes, and is as fast as a compiled one, because both only
fill slots.

The subtle thing: the standard library's own `replace`, `fields` and `is_dataclass` work on these
values too. They look for `__dataclass_fields__`, which the standard library builds on first access.
"""

from __future__ import annotations

TYPE_CHECKING = False  # true for type checkers; importing `typing` is part of the cost


def names_of(cls: type) -> tuple[str, ...]:
    """Field names of a frozen class or value; empty for any other class."""
    names: tuple[str, ...] = getattr(cls, "__frozen_names__", ())
    return names


if TYPE_CHECKING:
    from dataclasses import MISSING as MISSING
    from dataclasses import Field as Field
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from dataclasses import fields as fields
    from dataclasses import replace as replace
else:
    from operator import attrgetter

    MISSING = object()

    class Field:
        """One declared field."""

        __slots__ = ("default", "default_factory", "metadata", "name")

        def __init__(self, default=MISSING, default_factory=MISSING, metadata=None):
            self.name = ""
            self.default, self.default_factory = default, default_factory
            self.metadata = metadata or {}

    def field(*, default=MISSING, default_factory=MISSING, metadata=None):
        return Field(default, default_factory, metadata)

    def fields(value):
        """Fields of a value or class, in declaration order."""
        return value.__frozen_fields__

    def replace(value, /, **changes):
        """Copy of a value with some fields changed."""
        cls = type(value)
        setters = getattr(cls, "__frozen_setters__", None)
        if setters is None:  # a class of the standard library's
            import dataclasses

            return dataclasses.replace(value, **changes)
        made = cls.__new__(cls)
        for put, old in zip(setters.values(), value.__frozen_values__, strict=True):
            put(made, old)
        for name, new in changes.items():
            if name not in setters:
                raise TypeError(f"{cls.__name__} has no {name!r} to be given")
            setters[name](made, new)
        return made

    def dataclass(*, frozen, slots):
        assert frozen, "a changing value is none"
        assert slots, "a value has slots"
        return _declare

    class _StandardFields:
        """`__dataclass_fields__`, built by the standard library on first access."""

        def __get__(self, instance, cls):
            import dataclasses

            shadow = dataclasses.make_dataclass(
                cls.__name__,
                [(one.name, cls.__annotations__[one.name], _standard(one)) for one in fields(cls)],
                init=False,
                repr=False,
                eq=False,
            )
            cls.__dataclass_fields__ = shadow.__dataclass_fields__
            return cls.__dataclass_fields__

    def _standard(one):
        import dataclasses

        given = {"default": one.default, "default_factory": one.default_factory}
        known = {name: value for name, value in given.items() if value is not MISSING}
        return dataclasses.field(**known, metadata=one.metadata)

    def _declare(cls):
        """Recreate the class with slots for its annotations and the methods of a frozen value."""
        # Read by attribute: since Python 3.14 the class dictionary may lack annotations.
        space = {**cls.__dict__, "__annotations__": dict(cls.__annotations__)}
        declared = []
        for name in space["__annotations__"]:
            given = space.pop(name, MISSING)
            one = given if isinstance(given, Field) else Field(given)
            one.name = name
            declared.append(one)
        names = tuple(one.name for one in declared)
        for given_up in ("__dict__", "__weakref__"):
            space.pop(given_up, None)
        space |= {
            "__slots__": names,
            "__match_args__": names,
            "__frozen_fields__": tuple(declared),
            "__frozen_names__": names,
            "__dataclass_fields__": _StandardFields(),
        }
        for name, method in _METHODS.items():
            space.setdefault(name, method)
        made = type(cls)(cls.__name__, cls.__bases__, space)
        made.__qualname__ = cls.__qualname__
        made.__init__ = _filling(made)
        made.__frozen_setters__ = {name: made.__dict__[name].__set__ for name in names}
        made.__frozen_values__ = property(
            attrgetter(*names)
            if len(names) > 1
            else lambda self: tuple(getattr(self, name) for name in names)
        )
        return made

    def _filling(cls):
        """`__init__` for a class: positional or keyword arguments, then defaults."""
        table = tuple(
            (one.name, cls.__dict__[one.name].__set__, one.default, one.default_factory)
            for one in cls.__frozen_fields__
        )

        def __init__(self, *args, **given):
            rest = table
            if args:
                if len(args) > len(table):
                    raise TypeError(f"{cls.__name__} takes {len(table)} values, not {len(args)}")
                rest = table[len(args) :]
                for (_, put, _, _), value in zip(table, args, strict=False):
                    put(self, value)
            for name, put, default, factory in rest:
                if name in given:
                    put(self, given.pop(name))
                elif default is not MISSING:
                    put(self, default)
                elif factory is not MISSING:
                    put(self, factory())
                else:
                    raise TypeError(f"{cls.__name__} misses its value {name!r}")
            if given:
                raise TypeError(f"{cls.__name__} has no {', '.join(map(repr, given))} to be given")

        return __init__

    def _repr(self):
        names = (one.name for one in self.__frozen_fields__)
        pairs = zip(names, self.__frozen_values__, strict=True)
        return f"{type(self).__qualname__}({', '.join(f'{n}={v!r}' for n, v in pairs)})"

    def _equal(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return self.__frozen_values__ == other.__frozen_values__

    def _refuse(self, name, *_):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot change field {name!r}")

    _METHODS = {
        "__repr__": _repr,
        "__eq__": _equal,
        "__hash__": lambda self: hash(self.__frozen_values__),
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__reduce__": lambda self: (type(self), self.__frozen_values__),
    }
