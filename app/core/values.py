"""Values: dataclasses that cost a start next to nothing, and those made by the thousand in a third of the time.

    from app.core.values import dataclass

    @dataclass(frozen=True, slots=True)
    class Place: ...

The standard decorator writes and compiles six functions for each class while its module is imported: a station with
its hundred classes waited longer for that than for anything else before its window. Here classes share what they can,
and what must be a class's own is written when its first value is made, compared or hashed. What comes out is a
dataclass: ``fields``, ``replace``, ``asdict``, ``match``, copies and msgspec take it as one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(
        *, frozen: bool = False, slots: bool, kw_only: bool = False, eq: bool = True, repr: bool = True
    ) -> Callable[[type[T]], type[T]]:
        """As ``dataclasses.dataclass``. Values have slots here, and all fields are compared."""
        if not slots:
            raise TypeError("a value has slots")

        def dress(cls: type[T]) -> type[T]:
            if cls.__doc__ is None:
                cls.__doc__ = cls.__name__  # else its signature would be spelled out for it
            bare = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)
            made = bare(cls)
            if not all(field.init and field.compare for field in dataclasses.fields(made)):
                raise TypeError(f"{cls.__name__}: all fields of a value are given and compared")
            given = dict(vars(made))
            _write_later(made, "__init__", lambda cls: _init(cls, _stores))
            if repr and "__repr__" not in given:
                made.__repr__ = _repr
            if eq and "__eq__" not in given:
                _write_later(made, "__eq__", _eq)
            if eq and given.get("__hash__") is None:
                made.__hash__ = None
                if frozen:
                    _write_later(made, "__hash__", _hash)
            if frozen:
                made.__setattr__, made.__delattr__ = _no_set, _no_delete
                made.__getstate__, made.__setstate__ = _state, _set_state
            return made

        return dress


def quickly_made(cls: type[T]) -> type[T]:
    """Give a frozen dataclass with slots a quicker ``__init__``; what it makes is the same, and as frozen.

    Others go round the lock with a call for each field: an order with its box and lines has over a hundred. This one
    opens the value before and closes it after (its class is a twin without the lock meanwhile), so that each field is
    a plain store. Not for classes that others are derived from.
    """
    _write_later(cls, "__init__", lambda cls: _init(cls, _stores_through_a_twin))
    return cls


# ------------------------------------------------------------------------------------- what all values share


def _names(value: Any) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(value))


def _repr(self: Any) -> str:
    shown = (field.name for field in dataclasses.fields(self) if field.repr)
    said = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
    return f"{type(self).__qualname__}({said})"


def _no_set(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _no_delete(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: object) -> list[Any]:
    return [getattr(self, name) for name in _names(self)]


def _set_state(self: object, state: list[Any]) -> None:
    for name, value in zip(_names(self), state, strict=True):
        object.__setattr__(self, name, value)


# ----------------------------------------------------------------------------------- what is written for one


def _write_later(cls: type, name: str, write: Callable[[type], Callable[..., Any]]) -> None:
    """The class gets a method that writes the real one and steps aside. Two threads may both write: the same."""

    def first(self: object, *args: Any, **named: Any) -> Any:
        made = write(cls)
        made.__qualname__ = f"{cls.__qualname__}.{name}"
        setattr(cls, name, made)
        return made(self, *args, **named)

    setattr(cls, name, first)


def _written(text: str, known: dict[str, Any]) -> Callable[..., Any]:
    exec(text, known)  # noqa: S102 - as dataclasses itself does; all of it comes from the class
    made: Callable[..., Any] = known["made"]
    return made


def _tuple(cls: type, of: str) -> str:
    return "(" + "".join(f"{of}.{name}, " for name in _names(cls)) + ")"


def _eq(cls: type) -> Callable[..., Any]:
    """Equal are two of one class with equal fields."""
    compared = f"{_tuple(cls, 'self')} == {_tuple(cls, 'other')}"
    return _written(
        f"def made(self, other):\n    return {compared} if other.__class__ is self.__class__ else NotImplemented\n",
        {},
    )


def _hash(cls: type) -> Callable[..., Any]:
    return _written(f"def made(self):\n    return hash({_tuple(cls, 'self')})\n", {})


def _init(cls: type, stores: Callable[[type, dict[str, Any]], list[str]]) -> Callable[..., Any]:
    """The ``__init__`` of a class: its fields in their order, keywords last, defaults as they were given."""
    known: dict[str, Any] = {"_MISSING": dataclasses.MISSING}
    positional: list[str] = []
    keywords: list[str] = []
    for field in dataclasses.fields(cls):
        name = parameter = field.name
        if field.default is not dataclasses.MISSING:
            known[f"_default_{name}"] = field.default
            parameter = f"{name}=_default_{name}"
        elif field.default_factory is not dataclasses.MISSING:
            known[f"_make_{name}"] = field.default_factory
            parameter = f"{name}=_MISSING"
        (keywords if field.kw_only else positional).append(parameter)
    parameters = ["self", *positional, *(["*", *keywords] if keywords else [])]
    lines = stores(cls, known)
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    body = "".join(f"    {line}\n" for line in lines or ["pass"])
    return _written(f"def made({', '.join(parameters)}):\n{body}", known)


def _value_of(name: str, known: dict[str, Any]) -> str:
    return f"_make_{name}() if {name} is _MISSING else {name}" if f"_make_{name}" in known else name


def _stores(cls: type, known: dict[str, Any]) -> list[str]:
    """Each field by its slot's own store, which asks no lock."""
    lines = []
    for name in _names(cls):
        known[f"_set_{name}"] = getattr(cls, name).__set__
        lines.append(f"_set_{name}(self, {_value_of(name, known)})")
    return lines


def _stores_through_a_twin(cls: type, known: dict[str, Any]) -> list[str]:
    open_twin = type(
        cls.__name__,
        (cls,),
        {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__},
    )
    known |= {"_turn": object.__setattr__, "_open": open_twin, "_closed": cls}
    lines = ["_turn(self, '__class__', _open)"]
    lines += [f"self.{name} = {_value_of(name, known)}" for name in _names(cls)]
    return [*lines, "self.__class__ = _closed"]
