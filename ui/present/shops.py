"""The ops desk as values: how every shop does, why one fails and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.core.values import dataclass
from app.station.shops import ShopLists
from app.wire import QuarantineView, ShipBackView, ShopHealth, ShopView, SourceHealth
from ui.present import states
from ui.present.states import Chip
from ui.present.words import Words

#: Troubles that wait for a person; the others are tried again by themselves.
_NEEDS_PERSON = frozenset({"no_permission", "sign_in_again", "wrong_settings"})
#: From the third failure in a row on it is more than a bad moment (ING-07).
_FAILURES = 3
#: A waybill that must be told sooner than this is marked.
SOON = timedelta(hours=2)
#: Paces offered, in seconds; ING-02 asks for 10 and 15 minutes.
PACES = (60, 300, 600, 900)


@dataclass(frozen=True, slots=True)
class ShopRow:
    """One shop in the list; ``rank`` sorts what is not well to the top. ``needs_person``: it does not heal by itself.
    ``is_told``: the hub tells how it does."""

    shop_id: str
    name: str
    chip: Chip
    when: str
    counts: str
    rank: int
    needs_person: bool = False
    is_told: bool = True


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    value: str
    state: states.State = "idle"


@dataclass(frozen=True, slots=True)
class ShopPage:
    """One shop in full. ``cause`` and ``todo`` are empty while all is well. ``pace_s`` 0: nothing is asked here."""

    shop_id: str
    title: str
    chip: Chip
    cause: str
    todo: str
    facts: tuple[Fact, ...]
    pace_s: int


@dataclass(frozen=True, slots=True)
class NoteRow:
    """One line of the lists below: what, how it stands, and small print; ``said`` is why not, in full.

    ``why``: the same in short, for a line of its own where it was refused for good.
    """

    key: str
    text: str
    chip: Chip | None
    note: str
    can_retry: bool = False
    said: str = ""
    why: str = ""


def shop_rows(shops: Sequence[ShopView], words: Words, now: datetime) -> tuple[ShopRow, ...]:
    """What needs a person first, then by name."""
    return tuple(sorted((_row(shop, words, now) for shop in shops), key=lambda row: (row.rank, row.name)))


def _row(shop: ShopView, words: Words, now: datetime) -> ShopRow:
    health = shop.health
    chip = _chip(shop, words)
    rank = {"stop": 0, "wait": 1, "info": 2, "ok": 2, "idle": 3}[chip.state]
    channel = states.channel_name(shop.connector, words)
    if health is None:
        return ShopRow(shop.shop_id, shop.shop_id, chip, channel, "", rank, is_told=False)
    when = " · ".join(part for part in (channel, _when(health, words, now)) if part)
    return ShopRow(
        shop.shop_id,
        shop.shop_id,
        chip,
        when,
        _counts(health, words),
        rank,
        needs_person=_needs_person(health),
    )


def _needs_person(health: ShopHealth) -> bool:
    """Whether somebody has to see to it: a bad moment of the platform passes, the rest does not."""
    if health.trouble:
        return _is_grave(health)
    return bool(health.ship_backs_refused or health.missed or health.quarantined)


def _is_grave(health: ShopHealth) -> bool:
    return health.trouble in _NEEDS_PERSON or health.failures >= _FAILURES


def _name(shop: ShopView, words: Words) -> str:
    return f"{states.channel_name(shop.connector, words)} · {shop.shop_id}"


def _chip(shop: ShopView, words: Words) -> Chip:
    health = shop.health
    if health is None:
        return Chip("idle", words.tr("ops.state_file" if shop.connector == "file" else "ops.state_unknown"))
    if health.trouble:
        name = words.maybe(f"ops.short_{health.trouble}", words.tr("ops.short_refused"))
        return Chip("stop" if _is_grave(health) else "wait", name)
    if health.ship_backs_refused:
        return Chip("wait", words.tr("ops.state_ship_back"))
    if health.missed:
        return Chip("wait", words.tr("ops.state_missed", n=health.missed))
    if health.quarantined:
        return Chip("wait", words.tr("ops.state_aside", n=health.quarantined))
    if health.last_good_at is None:
        return Chip("idle", words.tr("ops.state_new"))
    return Chip("ok", words.tr("ops.state_ok"))


def _when(health: ShopHealth, words: Words, now: datetime) -> str:
    parts = []
    if health.last_good_at is not None:
        parts.append(words.tr("ops.good_ago", ago=words.since(health.last_good_at, now)))
    if not health.trouble:  # how long it has failed matters more than the next try
        parts.append(_next(health, words, now))
    return " · ".join(part for part in parts if part)


def _next_asked(health: ShopHealth, words: Words, now: datetime) -> str:
    """The next time beside its name, shorter than in the list."""
    left = (health.next_poll_at - now).total_seconds() if health.next_poll_at is not None else 0
    return words.tr("ops.fact_next_in", span=words.duration(left)) if left >= 1 else _next(health, words, now)


def _next(health: ShopHealth, words: Words, now: datetime) -> str:
    if health.next_poll_at is None:
        return ""
    left = (health.next_poll_at - now).total_seconds()
    if left < 1:
        return words.tr("ops.next_now")
    return words.tr("ops.next_in", span=words.duration(left))


def _paced(health: ShopHealth, words: Words, now: datetime) -> str:
    pace = words.tr("ops.every", span=pace_name(health.poll_s, words)) if health.poll_s else ""
    return " · ".join(part for part in (_next_asked(health, words, now), pace) if part)


def _counts(health: ShopHealth, words: Words) -> str:
    parts = [words.tr("ops.today", n=health.orders_today)]
    if health.ship_backs_waiting:
        parts.append(words.tr("ops.backs", n=health.ship_backs_waiting))
    if health.quarantined:
        parts.append(words.tr("ops.aside", n=health.quarantined))
    return " · ".join(parts)


# -- one shop ------------------------------------------------------------------------------------------------------


def shop_page(shop: ShopView, words: Words, now: datetime) -> ShopPage:
    health = shop.health
    cause, todo = _cause(health, words, now) if health is not None else ("", "")
    facts = _facts(health, words, now) if health is not None else (_file_fact(shop, words),)
    return ShopPage(
        shop_id=shop.shop_id,
        title=_name(shop, words),
        chip=_chip(shop, words),
        cause=cause,
        todo=todo,
        facts=facts,
        pace_s=health.poll_s if health is not None else 0,
    )


def _file_fact(shop: ShopView, words: Words) -> Fact:
    key = "ops.file_text" if shop.connector == "file" else "ops.unknown_text"
    return Fact(words.tr("ops.how"), words.tr(key))


def _cause(health: ShopHealth, words: Words, now: datetime) -> tuple[str, str]:
    """What happens, since when, in the platform's own words where it gave any; and what to do now."""
    if not health.trouble:
        return "", ""
    cause, said, todo = trouble_words(health.trouble, health.word, words)
    return joined(words, cause, failing_for(health, words, now), said), todo


def trouble_words(trouble: str, word: str, words: Words) -> tuple[str, str, str]:
    """What it is; why, in the platform's own words where it gave any; and what to do now."""
    known = trouble if words.texts.has(f"ops.cause_{trouble}") else "refused"
    return words.tr(f"ops.cause_{known}"), why(word, words), words.tr(f"ops.todo_{known}")


def failing_for(health: SourceHealth, words: Words, now: datetime) -> str:
    """Since when it fails and how often in a row; "" where it does not."""
    if health.failing_since is None:
        return ""
    span = words.duration((now - health.failing_since).total_seconds())
    return words.tr("ops.failing_for", span=span, n=health.failures)


def why(word: str, words: Words) -> str:
    """A cause of ours, or what the platform itself said; "" where there is none."""
    if not word:
        return ""
    return words.tr("ops.because" if word.startswith("@") else "ops.platform_said", word=word)


def joined(words: Words, *sentences: str) -> str:
    """Sentences one after the other, as the language sets them."""
    return (" " if words.lang == "en" else "").join(part for part in sentences if part)


def _facts(health: ShopHealth, words: Words, now: datetime) -> tuple[Fact, ...]:
    tr = words.tr
    good = words.since(health.last_good_at, now) if health.last_good_at else tr("ops.never")
    cursor = words.clock(health.cursor, now) if health.cursor else ""
    return (
        Fact(tr("ops.fact_good"), good, "stop" if health.trouble else "idle"),
        Fact(tr("ops.fact_next"), _paced(health, words, now) or tr("ops.never")),
        Fact(
            tr("ops.fact_cursor"),
            tr("ops.taken_until", clock=cursor) if cursor else tr("ops.never"),
        ),
        Fact(tr("ops.fact_push"), _push(health, words, now)),
        Fact(tr("ops.fact_today"), tr("ops.orders", n=health.orders_today)),
        _backs_fact(health, words, now),
        Fact(
            tr("ops.fact_missed"),
            tr("ops.orders", n=health.missed) if health.missed else tr("ops.none"),
            "wait" if health.missed else "idle",
        ),
        Fact(
            tr("ops.fact_aside"),
            tr("ops.things", n=health.quarantined) if health.quarantined else tr("ops.none"),
            "wait" if health.quarantined else "idle",
        ),
    )


def _push(health: ShopHealth, words: Words, now: datetime) -> str:
    if health.last_push_at is not None:
        ago = words.since(health.last_push_at, now)
        return words.tr("ops.push_listening_ago" if health.is_listening else "ops.push_ago", ago=ago)
    return words.tr("ops.push_listening" if health.is_listening else "ops.push_none")


def _backs_fact(health: ShopHealth, words: Words, now: datetime) -> Fact:
    tr = words.tr
    if health.ship_backs_refused:
        value = tr("ops.backs_refused", n=health.ship_backs_refused, waiting=health.ship_backs_waiting)
        return Fact(tr("ops.fact_backs"), value, "stop")
    if not health.ship_backs_waiting:
        return Fact(tr("ops.fact_backs"), tr("ops.none"))
    due = health.ship_back_due_at
    if due is None:
        return Fact(tr("ops.fact_backs"), tr("ops.backs", n=health.ship_backs_waiting), "wait")
    value = tr("ops.backs_due", n=health.ship_backs_waiting, when=_deadline(due, words, now))
    return Fact(tr("ops.fact_backs"), value, _urgency(due, now))


def _deadline(due: datetime, words: Words, now: datetime) -> str:
    left = (due - now).total_seconds()
    span = words.duration(left)
    return words.tr("ops.due_over" if left < 0 else "ops.due_in", span=span)


def _urgency(due: datetime, now: datetime) -> states.State:
    if due < now:
        return "stop"
    return "wait" if due - now < SOON else "idle"


# -- lists ---------------------------------------------------------------------------------------------------------


def missed_rows(lists: ShopLists) -> tuple[NoteRow, ...]:
    return tuple(NoteRow(no, no, None, "") for no in lists.missed)


def back_rows(lists: ShopLists, words: Words, now: datetime) -> tuple[NoteRow, ...]:
    """The refused ones first, for nobody tries them again; then by deadline."""
    ordered = sorted(lists.ship_backs, key=lambda back: (back.state != "refused", _due(back)))
    return tuple(_back_row(back, words, now) for back in ordered)


def _due(back: ShipBackView) -> datetime:
    """When the platform wants to know it: its own limit, else when it is tried again."""
    return back.ship_by_at or back.due_at


def _back_row(back: ShipBackView, words: Words, now: datetime) -> NoteRow:
    carrier, refused = states.carrier_name(back.carrier, words), ""
    if back.state == "refused":
        chip, tried = Chip("stop", words.tr("ops.back_refused")), ""
        refused = words.texts.cause(back.word, words.lang)
    else:
        due = _due(back)
        chip = Chip(_urgency(due, now), _deadline(due, words, now))
        told = "ops.back_tries" if back.word else "ops.back_tried"
        tried = words.tr(told, n=back.tries, word=back.word) if back.tries else ""
    note = " · ".join(part for part in (back.waybill_no, carrier, tried) if part)
    said = why(back.word, words)
    if said and back.ship_by_at is not None:
        said = joined(words, said, words.tr("ops.ship_by", due=_deadline(back.ship_by_at, words, now)))
    key = f"{back.parcel_no}/{back.waybill_no}"
    return NoteRow(key, states.short(back.parcel_no), chip, note, said=said, why=refused)


def aside_rows(lists: ShopLists, words: Words, now: datetime) -> tuple[NoteRow, ...]:
    return tuple(_aside_row(thing, words, now) for thing in lists.aside)


def _aside_row(thing: QuarantineView, words: Words, now: datetime) -> NoteRow:
    number = _aside_name(thing.ref.partition(" ")[2], words, now)
    what = words.maybe(f"ops.aside_{thing.what}", words.tr("ops.aside_other"))
    return NoteRow(
        thing.quarantine_id, number, None, f"{what} · {words.since(thing.at, now)}", thing.can_retry
    )


def _aside_name(ref: str, words: Words, now: datetime) -> str:
    """The order it is about, or the span of the list it stood in."""
    if not ref.startswith("list:"):
        return ref or words.tr("ops.aside_no_number")
    since, until = ref.removeprefix("list:").partition("#")[0].split("/")
    span = (words.clock(datetime.fromisoformat(at), now) for at in (since, until))
    return words.tr("ops.aside_span", span=" – ".join(span))


def pace_name(poll_s: int, words: Words) -> str:
    return words.duration(poll_s)
