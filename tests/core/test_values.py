"""Values are dataclasses in every way that matters, and cost nothing before they are used."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from threading import Thread

import msgspec
import pytest

from app.core.values import dataclass, quickly_made


@dataclass(frozen=True, slots=True)
class Place:
    """A shelf."""

    row: str
    level: int = 1
    notes: dict[str, str] = field(default_factory=dict)


@quickly_made
@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    place: Place
    weight_g: int = 0


@dataclass(slots=True)
class Tally:
    count: int
    seen: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seen.append("made")


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    word: str


@dataclass(frozen=True, slots=True)
class Door:
    name: str
    code: str = field(repr=False)


@dataclass(eq=False, slots=True)
class Thing:
    name: str = ""


@dataclass(frozen=True, slots=True)
class Shelf(Place):
    doors: int = 0


def test_fields_go_in_by_place_and_by_name_and_defaults_are_made_anew() -> None:
    one, other = Place("A"), Place("A", 1, {})
    assert (one.row, one.level, one.notes) == ("A", 1, {})
    assert one == other and one.notes is not other.notes
    assert repr(Place("A", level=2)) == "Place(row='A', level=2, notes={})"
    assert Shelf("A", 2, {}, 3) == Shelf(row="A", level=2, doors=3) != Shelf("A", 2)
    for wrong in ({}, {"row": "A", "colour": "red"}):
        with pytest.raises(TypeError):
            Place(**wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Box(Place("A"))  # type: ignore[misc]


def test_equal_are_two_of_one_class_and_frozen_ones_are_keys() -> None:
    box = Box(place=Place("A"), weight_g=3)
    assert box == Box(place=Place("A"), weight_g=3) != Box(place=Place("A"))
    assert Secret("x") != Place("x")  # type: ignore[comparison-overlap]
    assert {Secret("x"): 1}[Secret("x")] == 1
    assert Tally(1) == Tally(1)
    assert Thing("a") != Thing("a")
    assert len({Thing(), Thing()}) == 2
    with pytest.raises(TypeError):
        hash(Tally(1))


@pytest.mark.parametrize("value", [Place("A"), Box(place=Place("A")), Secret("x"), Shelf("A")])
def test_a_frozen_value_cannot_be_changed(value: object) -> None:
    name = fields(value)[0].name  # type: ignore[arg-type]
    for change in (lambda: setattr(value, name, "B"), lambda: delattr(value, name)):
        with pytest.raises(FrozenInstanceError):
            change()
    with pytest.raises(AttributeError):
        value.more = 1  # type: ignore[attr-defined]


def test_what_takes_dataclasses_takes_values() -> None:
    box = Box(place=Place("A", 2, {"a": "b"}), weight_g=5)
    assert replace(box, weight_g=6) == Box(place=box.place, weight_g=6)
    assert asdict(box) == {"place": {"row": "A", "level": 2, "notes": {"a": "b"}}, "weight_g": 5}
    assert msgspec.json.decode(msgspec.json.encode(box), type=Box) == box
    assert copy.copy(box) == copy.deepcopy(box) == pickle.loads(pickle.dumps(box)) == box
    assert Tally(1).seen == ["made"]
    assert "wonder" not in repr(Secret("wonder"))
    assert repr(Door("north", "1234")) == "Door(name='north')"
    match box.place:
        case Place(row, level):
            assert (row, level) == ("A", 2)


def test_one_that_cannot_be_made_leaves_the_next_as_frozen() -> None:
    with pytest.raises(TypeError):
        Box(weight_g=1)  # type: ignore[call-arg]
    with pytest.raises(FrozenInstanceError):
        Box(place=Place("A")).weight_g = 2  # type: ignore[misc]


def test_first_ones_may_be_made_in_many_threads_at_once() -> None:
    @quickly_made
    @dataclass(frozen=True, slots=True)
    class Fresh:
        n: int

    made: list[Fresh] = []
    threads = [Thread(target=lambda n=n: made.append(Fresh(n))) for n in range(16)]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(f.n for f in made) == list(range(16))
    assert all(type(f) is Fresh for f in made)
