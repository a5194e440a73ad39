"""What was worked on a day: one's own figures, and for who runs the floor the way down to a person's single acts."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Annotated
from zoneinfo import ZoneInfo

from litestar import get
from litestar.params import QueryParameter

from app.core.cells import csv_cell
from app.core.figures import PAPERLESS_AIM, SPAN_CAP, Tally, outbound, total
from app.core.history import HistoryRow
from app.core.texts import Lang, Texts
from app.wire import MyDay, OutboundRow, WorkAct, WorkActs, WorkDay, WorkRow
from hub.api.context import Call, Doors, GivenCall, GivenDoors
from hub.api.http import ApiError, Receive, Send, answer
from hub.api.story import sentence
from hub.auth.callers import Caller
from hub.auth.masks import history_as_seen
from hub.orders.workdays import Asked, Gone, WorkDays

PAGE, ROWS_MAX = 200, 100_000
#: The whole day stands behind its hours.
_LAST = 24
_DAY = re.compile(r"20[0-9]{6}")
_COLUMNS = ("happened_at", "actor", "station", "what", "order_no", "parcel_no", "work_s")
_CSV = [
    (b"content-type", b"text/csv; charset=utf-8"),
    (b"content-disposition", b'attachment; filename="work.csv"'),
]
Said = Annotated[str, QueryParameter(max_length=100)]
SaidDay = Annotated[str, QueryParameter(max_length=8)]


@get("/v1/me/day", summary="What the caller packed today: who is signed on, else the station")
async def my_day(doors: GivenDoors, call: GivenCall) -> MyDay:
    caller = call.known
    station = caller.station.station_id if caller.station and caller.person is None else ""
    asked = Asked(day=_today(doors), zone=doors.world.settings.zone, who=caller.name, station_id=station)
    mine, seq = await asyncio.to_thread(_days(doors).mine, asked)
    return MyDay(
        day=_named(asked.day),
        user=caller.name,
        seq=seq,
        parcels=mine.parcels,
        units=mine.units,
        seconds=round(mine.seconds),
        saved=mine.saved,
        right=mine.right,
    )


@get("/v1/work", summary="What was packed on a day, by warehouse, person and bench; how fast orders left")
async def work_day(doors: GivenDoors, call: GivenCall, day: SaidDay = "") -> WorkDay:
    """Minutes are from the last opening of a parcel to its closing, capped; ``day`` is today where it is not said."""
    asked = _asked(doors, call.known, {"day": day})
    tallies, gone = await asyncio.to_thread(_days(doors).day_and_gone, asked)
    names = await asyncio.to_thread(_station_names, doors)
    houses = sorted({tally.warehouse for tally in tallies})
    return WorkDay(
        day=_named(asked.day),
        today=_named(_today(doors)),
        houses=[
            _row(total([t for t in tallies if t.warehouse == house], warehouse=house), {}) for house in houses
        ],
        people=[_row(tally, names) for tally in tallies],
        outbound=_outbound(gone, asked.zone),
        span_cap_s=round(SPAN_CAP.total_seconds()),
        paperless_aim=PAPERLESS_AIM,
    )


@get(
    "/v1/work/acts",
    summary="The acts behind a day's figures, oldest first: of a warehouse, a person, a bench",
)
async def work_acts(
    doors: GivenDoors,
    call: GivenCall,
    day: SaidDay = "",
    warehouse: Said = "",
    who: Said = "",
    station: Said = "",
    after: Said = "",
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = PAGE,
) -> WorkActs:
    wanted = {"day": day, "warehouse": warehouse, "who": who, "station": station}
    asked = _asked(doors, call.known, wanted)
    rows, following = await asyncio.to_thread(_days(doors).acts, asked, after, limit)
    texts, names = doors.world.texts, await asyncio.to_thread(_station_names, doors)
    acts = [_act(row, seconds, names, texts, call) for row, seconds in rows]
    return WorkActs(acts=acts, next=following)


HANDLERS = (my_day, work_day, work_acts)


async def get_work_csv(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    """The same acts as a CSV: mark, texts that are no formulas, times of the hub's zone."""
    asked = _asked(doors, call.known, call.request.query)
    rows, _ = await asyncio.to_thread(_days(doors).acts, asked, "", ROWS_MAX)
    names = await asyncio.to_thread(_station_names, doors)
    texts, lang = doors.world.texts, call.lang
    acts = [_act(row, seconds, names, texts, call) for row, seconds in rows]
    await answer(send, 200, await asyncio.to_thread(work_csv, acts, asked.zone, texts, lang), _CSV)


def work_csv(acts: Sequence[WorkAct], zone: ZoneInfo, texts: Texts, lang: Lang) -> bytes:
    """UTF-8 with BOM, a heading and a line per act."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([texts.text(f"export.{column}", lang) for column in _COLUMNS])
    for act in acts:
        cells = (
            f"{act.at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
            act.who,
            act.station,
            act.text,
            act.order_no,
            act.parcel_no,
            "" if act.seconds is None else str(act.seconds),
        )
        writer.writerow([csv_cell(cell) for cell in cells])
    return out.getvalue().encode("utf-8-sig")


def _days(doors: Doors) -> WorkDays:
    return WorkDays(doors.orders.engine, doors.world.settings.warehouses[0].id)


def _station_names(doors: Doors) -> dict[str, str]:
    return {station.station_id: station.name for station in doors.orders.lookup.stations()}


def _asked(doors: Doors, caller: Caller, said: Mapping[str, str]) -> Asked:
    """The day and whose acts; another warehouse than the caller's own is as empty as one that is not there."""
    house = caller.warehouse or said.get("warehouse", "") or None
    if caller.warehouse and said.get("warehouse", "") not in ("", caller.warehouse):
        raise ApiError(403, "other_warehouse")
    return Asked(
        day=_day(said.get("day", ""), doors),
        zone=doors.world.settings.zone,
        warehouse=house,
        who=said.get("who", ""),
        station_id=said.get("station", ""),
    )


def _day(said: str, doors: Doors) -> date:
    if not said:
        return _today(doors)
    try:
        if _DAY.fullmatch(said):
            return date.fromisoformat(said)
    except ValueError:
        pass
    raise ApiError(422, "bad_body", why="day")


def _today(doors: Doors) -> date:
    return doors.world.now().astimezone(doors.world.settings.zone).date()


def _named(day: date) -> str:
    return f"{day:%Y%m%d}"


def _row(tally: Tally, stations: Mapping[str, str]) -> WorkRow:
    station = stations.get(tally.station_id, tally.station_id)
    return WorkRow(
        warehouse=tally.warehouse,
        who=tally.who,
        station_id=tally.station_id,
        station=station,
        is_station=bool(tally.who) and tally.who == station,
        parcels=tally.parcels,
        units=tally.units,
        seconds=round(tally.seconds),
        saved=tally.saved,
        right=tally.right,
        handed_over=tally.handed_over,
        orders=tally.orders,
        scanned_orders=tally.scanned_orders,
        first_at=tally.first_at,
        last_at=tally.last_at,
    )


def _outbound(gone: Sequence[Gone], zone: ZoneInfo) -> list[OutboundRow]:
    """By hour of hand-over, and the whole day (hour None), for each warehouse."""
    groups: dict[tuple[str, int | None], list[float]] = {}
    for order in gone:
        for hour in (None, order.at.astimezone(zone).hour):
            groups.setdefault((order.warehouse, hour), []).append(order.seconds)
    rows = []
    for house, hour in sorted(groups, key=lambda place: (place[0], _LAST if place[1] is None else place[1])):
        if (spread := outbound(groups[house, hour])) is not None:
            mean, p90 = round(spread.mean_s), round(spread.p90_s)
            rows.append(OutboundRow(warehouse=house, hour=hour, orders=spread.count, mean_s=mean, p90_s=p90))
    return rows


def _act(
    row: HistoryRow, seconds: float | None, stations: Mapping[str, str], texts: Texts, call: Call
) -> WorkAct:
    seen = history_as_seen(call.known.mask, row)
    return WorkAct(
        at=row.made_at or row.at,
        kind=row.kind,
        text=sentence(row.kind, seen.params, texts, call.lang),
        order_no=row.order_no,
        parcel_no=row.parcel_no or "",
        who=row.actor,
        station=stations.get(row.station_id or "", row.station_id or ""),
        seconds=None if seconds is None else round(seconds),
    )
