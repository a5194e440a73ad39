"""``GET /v1/exports/orders``: orders of a span of days as a CSV, with what is peculiar to their channels (MAP-03):
Douyin's influencers and commissions, Pinduoduo's groups. Filtered by them, masked by role as everywhere."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from app.core.cells import csv_cell
from app.core.order import Order
from app.core.texts import Lang, Texts
from hub.api.context import Call, Doors
from hub.api.http import ApiError, Receive, Send, answer
from hub.auth.masks import order_as_seen

#: Rows of one file; days of one question.
ROWS_MAX, DAYS_MAX = 20_000, 92
_DAY = re.compile(r"20[0-9]{6}")
_VALUE = re.compile(r"[^\x00-\x1f\"\\]{1,100}")
#: What may be asked for, by the names the orders carry it under.
FILTERS = ("influencer_id", "live_room_id", "group_status")
_COLUMNS = (
    "order_no",
    "channel_order_no",
    "shop",
    "channel",
    "state",
    "ordered_at",
    "paid_at",
    "paid",
    "influencer_id",
    "influencer_name",
    "commission_rate",
    "commission",
    "influencer_cost",
    "live_room_id",
    "group_status",
)
_CSV = [
    (b"content-type", b"text/csv; charset=utf-8"),
    (b"content-disposition", b'attachment; filename="orders.csv"'),
]


async def get_orders_csv(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    """``from`` and ``to`` are business days (YYYYMMDD), both within it; the last 31 days where they are not said."""
    world, query = doors.world, call.request.query
    today = world.clock.now().astimezone(world.settings.zone)
    first = _day(query.get("from", ""), today - timedelta(days=30))
    last = _day(query.get("to", ""), today)
    if last < first or _days(first, last) > DAYS_MAX:
        raise ApiError(422, "bad_body", why="from, to")
    wanted = {name: value for name in FILTERS if (value := query.get(name, ""))}
    for name, value in wanted.items():
        if _VALUE.fullmatch(value) is None:
            raise ApiError(422, "bad_body", why=name)
    prefix, view = world.settings.hub.order_prefix, call.known.view
    found = await asyncio.to_thread(
        doors.orders.lookup.of_days, f"{prefix}{first}", f"{prefix}{last}~", wanted, view, ROWS_MAX
    )
    body = await asyncio.to_thread(
        orders_csv,
        [order_as_seen(view.mask, order) for order in found],
        world.settings.zone,
        world.texts,
        call.lang,
        money=view.mask != "floor",
    )
    await answer(send, 200, body, _CSV)


def orders_csv(orders: Sequence[Order], zone: ZoneInfo, texts: Texts, lang: Lang, *, money: bool) -> bytes:
    """UTF-8 with BOM, a heading and a line per order; ids are texts, sums in yuan (empty without ``money``)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([texts.text(f"export.order_{column}", lang) for column in _COLUMNS])
    for order in orders:
        writer.writerow([csv_cell(cell) for cell in _cells(order, zone, texts, lang, money)])
    return out.getvalue().encode("utf-8-sig")


def _cells(order: Order, zone: ZoneInfo, texts: Texts, lang: Lang, money: bool) -> list[str]:
    extra = order.extra
    channel, group = f"states.channel_{order.channel}", f"service.extra_group_{extra.get('group_status', '')}"
    return [
        order.order_no,
        order.channel_order_no,
        order.shop_id,
        texts.text(channel, lang) if texts.has(channel) else order.channel,
        texts.text(f"states.order_{order.order_state}", lang),
        _moment(order.ordered_at, zone),
        _moment(order.paid_at, zone),
        _yuan(order.paid_fen) if money else "",
        str(extra.get("influencer_id", "")),
        str(extra.get("influencer_name", "")),
        str(extra.get("commission_rate", "")),
        _yuan(extra.get("commission_fen")) if money else "",
        _yuan(extra.get("influencer_cost_fen")) if money else "",
        str(extra.get("live_room_id", "")),
        texts.text(group, lang) if texts.has(group) else "",
    ]


def _moment(at: datetime | None, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" if at else ""


def _yuan(fen: object) -> str:
    if not isinstance(fen, int):
        return ""
    return f"{fen // 100}.{fen % 100:02d}"


def _day(said: str, otherwise: datetime) -> str:
    if not said:
        return f"{otherwise:%Y%m%d}"
    if _DAY.fullmatch(said) is None:
        raise ApiError(422, "bad_body", why="from, to")
    return said


def _days(first: str, last: str) -> int:
    try:
        return (date.fromisoformat(last) - date.fromisoformat(first)).days
    except ValueError as error:
        raise ApiError(422, "bad_body", why="from, to") from error
