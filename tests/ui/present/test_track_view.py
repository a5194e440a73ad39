"""How fresh the courier's news are, and the silence that is said: values in, words out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.core import texts
from app.core.order import Order, OrderState, settled
from app.core.texts import Lang
from app.core.tracking import NodeKind, Track, TrackNode
from tests.helpers.shop_orders import NOW, an_order, on_parcel
from ui.present.story import StoryRow
from ui.present.track import TrackView, raw_view, track_view
from ui.present.words import Words

S, K = OrderState, NodeKind
TEXTS = texts.load(Path(__file__).parents[3] / "resources" / "texts")
PARCEL = "OD2026112100101"


def words(lang: Lang = "zh") -> Words:
    return Words(TEXTS, lang, ZoneInfo("Asia/Shanghai"))


def sent(state: OrderState) -> Order:
    return on_parcel(an_order(), state=state)


def track(*nodes: tuple[NodeKind, float], synced_min: float | None = 12) -> Track:
    """Nodes with their age in hours, oldest first; asked for ``synced_min`` minutes ago."""
    return Track(
        parcel_no=PARCEL,
        order_no=PARCEL[:-2],
        nodes=tuple(TrackNode(at=NOW - timedelta(hours=age), kind=kind) for kind, age in nodes),
        synced_at=None if synced_min is None else NOW - timedelta(minutes=synced_min),
    )


def view(order: Order, *tracks: Track, left_h: float | None = None, lang: Lang = "zh") -> TrackView | None:
    left = {} if left_h is None else {PARCEL: NOW - timedelta(hours=left_h)}
    return track_view(order, tracks, left, words(lang), NOW)


def test_nothing_is_said_before_a_parcel_has_left() -> None:
    assert view(sent(S.packed)) is None


CASES: list[tuple[str, OrderState, list[Track], float | None, str, str]] = [
    ("fresh", S.in_transit, [track((K.picked_up, 3))], 4, "物流 12 分前更新", ""),
    ("just left", S.handed_over, [], 1, "还没有物流信息", ""),
    ("silent at two hours", S.handed_over, [], 2, "还没有物流信息", ""),
    ("silent after shipping", S.handed_over, [], 2.01, "还没有物流信息", "发出 2 小时还没有物流"),
    ("unknown when it left", S.handed_over, [], None, "还没有物流信息", ""),
    ("stale", S.in_transit, [track((K.hub_arrived, 25))], 30, "物流 12 分前更新", "1 天 1 小时没有新物流"),
    ("not stale at a day", S.in_transit, [track((K.hub_arrived, 24))], 30, "物流 12 分前更新", ""),
    (
        "never picked up",
        S.handed_over,
        [track((K.label_created, 3))],
        25,
        "物流 12 分前更新",
        "发出 1 天 1 小时还没揽收",
    ),
    (
        "nobody asked",
        S.in_transit,
        [track((K.picked_up, 5), synced_min=300)],
        8,
        "物流 5 小时前更新",
        "5 小时没查过物流",
    ),
    (
        "delivered",
        S.delivered,
        [track((K.picked_up, 50), (K.delivered, 3), (K.other, 1))],
        51,
        "全程 2 天",
        "",
    ),
]


@pytest.mark.parametrize(
    ("state", "tracks", "left_h", "text", "trouble"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_freshness_and_silence_are_said(
    state: OrderState, tracks: list[Track], left_h: float | None, text: str, trouble: str
) -> None:
    shown = view(sent(state), *tracks, left_h=left_h)
    assert shown is not None and shown.text == text
    assert (shown.trouble.text if shown.trouble else "") == trouble
    english = view(sent(state), *tracks, left_h=left_h, lang="en")
    assert english is not None and "{" not in english.text


def test_of_several_parcels_the_one_in_trouble_speaks() -> None:
    order = sent(S.in_transit)
    second = replace(order.parcels[0], parcel_no=f"{order.order_no}02")
    order = settled(replace(order, parcels=(*order.parcels, second)))
    good = replace(track((K.picked_up, 2)), parcel_no=second.parcel_no)
    shown = track_view(order, [track((K.hub_arrived, 30)), good], {}, words(), NOW)
    assert shown is not None and shown.trouble is not None and shown.text == "包裹 01：物流 12 分前更新"
    calm = track_view(order, [track((K.hub_arrived, 3)), good], {}, words(), NOW)
    assert calm is not None and calm.trouble is None and calm.text.startswith("包裹 02")


def test_a_node_is_shown_with_its_words_and_when_they_came() -> None:
    at = NOW - timedelta(hours=4)
    entry = StoryRow(
        at=at,
        state="idle",
        icon="truck",
        text="已揽收 · 【杭州】已揽收",
        who="快递100 · 到下一步 2 小时",
        detail="",
        raw="【杭州】已揽收",
        lasted_s=7200,
        pending=False,
        early=False,
        opens=True,
        parcel_no=PARCEL,
        heard_at=at + timedelta(minutes=8),
        name="已揽收",
        place="快递100",
    )
    shown = raw_view(sent(S.in_transit), entry, words())
    assert (shown.title, shown.raw) == ("已揽收", "【杭州】已揽收")
    assert dict(shown.facts) == {
        "发生时间": "2026-11-21 10:00:00",
        "收到时间": "2026-11-21 10:08:00",
        "到下一步": "2 小时",
        "运单": "中通快递 78120034560001",
        "来源": "快递100",
    }
    last = replace(entry, raw="", heard_at=None, lasted_s=None)
    wordless = raw_view(sent(S.in_transit), last, words("en"))
    assert wordless.raw == "The courier wrote no words" and len(wordless.facts) == 3
