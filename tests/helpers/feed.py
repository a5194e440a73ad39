"""``prove_feed``: whoever follows the feed has what a first load gives, after every single action (habit 12)."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from app.core.history import HistoryRow
from app.core.order import Item, Order
from app.core.tracking import Track
from app.wire import AlarmView, Change, ChangePage, StationView
from hub.orders.feed import Feed
from hub.orders.results import View
from tests.helpers.builders import Core

Copy = dict[tuple[str, str], tuple[int, Any]]

#: The declared shape of every kind the feed may carry.
SHAPES: dict[str, type] = {
    "order": Order,
    "history": HistoryRow,
    "track": Track,
    "alarm": AlarmView,
    "station": StationView,
    "item": Item,
    "person": dict,
    "setting": dict,
}
#: What a first load and a follower must agree on, for every kind of reader.
VIEWS = (View("all"), View("packing", "main"), View("service"))


def read_pages(feed: Feed, view: View, after: int = 0, limit: int = 7) -> tuple[list[Change], int]:
    """All changes after ``after`` in pages of ``limit``, and the head they reach."""
    changes: list[Change] = []
    while True:
        page = feed.page(view, after, limit)
        decoded = msgspec.json.decode(page.body, type=ChangePage)
        assert (decoded.next, decoded.head, decoded.epoch) == (page.next, page.head, page.epoch)
        assert [c.seq for c in decoded.changes] == sorted({c.seq for c in decoded.changes}), "order of seq"
        assert all(after < c.seq <= page.next for c in decoded.changes), "rows outside the page's span"
        changes += decoded.changes
        after = page.next
        if after == page.head:
            return changes, after


def applied(copy: Copy, changes: list[Change]) -> Copy:
    """The copy after these changes; a gone order takes its track and history along."""
    copy = dict(copy)
    for change in changes:
        if change.gone:
            copy.pop((change.kind, change.key), None)
            copy = {
                key: row
                for key, row in copy.items()
                if not (key[0] in {"track", "history"} and row[1].get("order_no") == change.key)
            }
            continue
        copy[change.kind, change.key] = change.seq, _declared(change)
    return copy


async def prove_feed(core: Core, action: Callable[[], Any], views: tuple[View, ...] = VIEWS) -> list[Change]:
    """Act, then check that following the feed and loading it anew give the same; gives what ``all`` saw.

    Fails when nothing changed, when a shape is undeclared, or when the two readings differ (only the difference
    is shown).
    """
    before = {view: read_pages(core.feed, view) for view in views}
    done = action()
    if inspect.isawaitable(done):
        await _awaited(done)
    seen: list[Change] = []
    for view in views:
        first, cursor = before[view]
        changes, head = read_pages(core.feed, view, cursor)
        anew, anew_head = read_pages(core.feed, view)
        assert head == anew_head
        followed, loaded = applied(applied({}, first), changes), applied({}, anew)
        wrong = {key for key in followed.keys() | loaded.keys() if followed.get(key) != loaded.get(key)}
        assert not wrong, f"{view}: " + "; ".join(
            f"{key}: followed {followed.get(key)} but loaded {loaded.get(key)}" for key in sorted(wrong)
        )
        seen = changes if view == views[0] else seen
    assert seen, "nothing changed"
    return seen


async def _awaited(done: Awaitable[Any]) -> None:
    await done


def _declared(change: Change) -> Any:
    """The body as plain values; fails when it holds anything its shape does not declare."""
    raw = msgspec.json.decode(change.body)
    shape = SHAPES[change.kind]
    again = msgspec.json.decode(msgspec.json.encode(msgspec.json.decode(change.body, type=shape)))
    assert _within(raw, again), f"undeclared in {change.kind} {change.key}: {raw} against {again}"
    return raw


def _within(raw: Any, declared: Any) -> bool:
    if isinstance(raw, dict) and isinstance(declared, dict):
        return all(key in declared and _within(value, declared[key]) for key, value in raw.items())
    if isinstance(raw, list) and isinstance(declared, list):
        return len(raw) == len(declared) and all(_within(a, b) for a, b in zip(raw, declared, strict=True))
    return bool(raw == declared)
