"""Sources of courier news on the ops desk, beside the shops: how each does, why it fails, what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.wire import CourierSource
from ui.present import states
from ui.present.shops import Fact, ShopPage, ShopRow, failing_for, joined, why
from ui.present.states import Chip
from ui.present.words import Words

#: Troubles that wait for a person; the others are tried again by themselves.
_NEEDS_PERSON = frozenset({"no_permission", "sign_in_again", "wrong_settings"})
#: From the third failure in a row on it is more than a bad moment (ING-07).
_FAILURES = 3


def key_of(connector: str) -> str:
    """What stands for a source where shops have their id; no shop is called so."""
    return f"@{connector}"


def connector_of(key: str) -> str:
    """The connector that stands behind such a key; "" for a shop's."""
    return key[1:] if key.startswith("@") else ""


def courier_rows(sources: Sequence[CourierSource], words: Words, now: datetime) -> tuple[ShopRow, ...]:
    return tuple(_row(source, words, now) for source in sources)


def courier_page(source: CourierSource, words: Words, now: datetime) -> ShopPage:
    tr = words.tr
    cause, todo = _cause(source, words, now) if source.trouble else ("", "")
    good = words.since(source.last_good_at, now) if source.last_good_at else tr("ops.never")
    push = words.since(source.last_push_at, now) if source.last_push_at else tr("ops.courier_no_push")
    how = tr("ops.courier_subscribed" if source.takes_subscriptions else "ops.courier_asked")
    return ShopPage(
        shop_id=key_of(source.connector),
        title=f"{_name(source, words)} · {tr('ops.courier_kind')}",
        chip=_chip(source, words),
        cause=cause,
        todo=todo,
        facts=(
            Fact(tr("ops.courier_fact_good"), good, "stop" if source.trouble else "idle"),
            Fact(tr("ops.courier_fact_parcels"), tr("ops.courier_parcels", n=source.parcels)),
            Fact(tr("ops.fact_push"), push),
            Fact(tr("ops.courier_fact_how"), how),
        ),
        pace_s=0,
    )


def _row(source: CourierSource, words: Words, now: datetime) -> ShopRow:
    chip = _chip(source, words)
    kind = words.tr("ops.courier_kind")
    good = (
        words.tr("ops.courier_good", ago=words.since(source.last_good_at, now)) if source.last_good_at else ""
    )
    return ShopRow(
        key_of(source.connector),
        _name(source, words),
        chip,
        " · ".join(part for part in (kind, good) if part),
        words.tr("ops.courier_parcels", n=source.parcels),
        {"stop": 0, "wait": 1}.get(chip.state, 2),
        needs_person=_is_grave(source),
        is_told=False,
    )


def _name(source: CourierSource, words: Words) -> str:
    return states.courier_source(source.connector, words)


def _is_grave(source: CourierSource) -> bool:
    return source.trouble in _NEEDS_PERSON or (bool(source.trouble) and source.failures >= _FAILURES)


def _chip(source: CourierSource, words: Words) -> Chip:
    if source.trouble:
        return Chip("stop" if _is_grave(source) else "wait", _short(source.trouble, words))
    if source.last_good_at is None:
        return Chip("idle", words.tr("ops.courier_new"))
    return Chip("ok", words.tr("ops.state_ok"))


def _cause(source: CourierSource, words: Words, now: datetime) -> tuple[str, str]:
    """What happens, since when, and in the source's own words; and what to do now."""
    cause, said, todo = courier_trouble_words(source.trouble, source.word, words)
    return joined(words, cause, failing_for(source, words, now), said), todo


def courier_trouble_words(trouble: str, word: str, words: Words) -> tuple[str, str, str]:
    """What it is and what of it follows; why, in the source's own words where it gave any; and what to do now."""
    known = trouble if words.texts.has(f"alarms.courier_{trouble}") else "refused"
    cause = words.tr("ops.courier_cause", state=_short(trouble, words))
    return cause, why(word, words), words.tr(f"alarm_todo.courier_{known}")


def _short(trouble: str, words: Words) -> str:
    return words.maybe(f"ops.courier_short_{trouble}", words.tr("ops.courier_short_refused"))
