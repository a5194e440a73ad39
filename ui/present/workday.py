"""A day's work as rows, words and bars: what the page of who runs the floor shows. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from app.core.figures import share
from app.core.values import dataclass
from app.wire import OutboundRow, WorkAct, WorkDay, WorkRow
from ui.present.states import Chip
from ui.present.words import Words


@dataclass(frozen=True, slots=True)
class WorkLine:
    """A warehouse, or one of its people; ``part`` of the busiest row of its kind is the length of its bar."""

    key: str
    is_house: bool
    name: str
    place: str
    parcels: str
    detail: str
    chip: Chip | None
    part: float
    who: str
    station_id: str


@dataclass(frozen=True, slots=True)
class ActLine:
    key: str
    clock: str
    text: str
    order: str
    took: str


@dataclass(frozen=True, slots=True)
class HourBar:
    """One hour of the day: ``mean`` and ``p90`` in hours, with their words."""

    hour: int
    orders: int
    mean_h: float
    p90_h: float
    words: str

    @property
    def clock(self) -> str:
        return f"{self.hour}:00"


def work_lines(day: WorkDay, words: Words) -> tuple[WorkLine, ...]:
    """Each warehouse with its people below, in the order the hub gave."""
    most = max((row.parcels for row in day.people), default=0)
    lines = []
    for house in day.houses:
        lines.append(_line(house, day, words, 0.0, is_house=True))
        people = [row for row in day.people if row.warehouse == house.warehouse]
        lines += [
            _line(row, day, words, row.parcels / most if most else 0.0, is_house=False) for row in people
        ]
    return tuple(lines)


def _line(row: WorkRow, day: WorkDay, words: Words, part: float, *, is_house: bool) -> WorkLine:
    minutes = -(-row.seconds // 60)
    details = [words.tr("work.units", n=row.units), words.tr("work.minutes", n=minutes)]
    if row.parcels and row.seconds:
        details.append(words.tr("work.each", span=words.duration(row.seconds / row.parcels)))
    if row.saved:
        details.append(words.tr("work.saved", n=row.saved))
    scanned = share(row.scanned_orders, row.orders)
    chip = None
    if scanned is not None:
        met = scanned >= day.paperless_aim
        key = "work.paperless" if met else "work.paperless_below"
        said = words.tr(key, share=f"{scanned:.0f}" if scanned in (0, 100) else f"{scanned:.1f}")
        chip = Chip("ok" if met else "info", said)
    return WorkLine(
        key=f"{row.warehouse}|{row.who}|{row.station_id}",
        is_house=is_house,
        name=words.tr("work.house", house=row.warehouse) if is_house else row.who,
        place="" if is_house or row.is_station else row.station,
        parcels=words.tr("work.parcels", n=row.parcels),
        detail=" · ".join(details),
        chip=chip,
        part=part,
        who=row.who,
        station_id=row.station_id,
    )


def act_lines(acts: Sequence[WorkAct], words: Words) -> tuple[ActLine, ...]:
    return tuple(
        ActLine(
            key=f"{at}",
            clock=f"{act.at.astimezone(words.zone):%H:%M:%S}",
            text=act.text,
            order=act.parcel_no or act.order_no,
            took="" if act.seconds is None else words.duration(act.seconds),
        )
        for at, act in enumerate(acts)
    )


def hour_bars(rows: Sequence[OutboundRow], warehouse: str, words: Words) -> tuple[HourBar, ...]:
    """One warehouse's hours in which orders left, early to late."""
    return tuple(
        HourBar(
            hour=row.hour,
            orders=row.orders,
            mean_h=row.mean_s / 3600,
            p90_h=row.p90_s / 3600,
            words=words.duration(row.p90_s),
        )
        for row in rows
        if row.hour is not None and row.warehouse == warehouse
    )


def outbound_words(rows: Sequence[OutboundRow], warehouse: str, words: Words) -> str:
    """The whole day in one sentence, "" where nothing left."""
    whole = next((row for row in rows if row.hour is None and row.warehouse == warehouse), None)
    if whole is None:
        return ""
    return words.tr(
        "work.outbound_day",
        n=whole.orders,
        mean=words.duration(whole.mean_s),
        p90=words.duration(whole.p90_s),
    )


def named(day: str) -> str:
    """20261121 as 2026-11-21."""
    return f"{day[:4]}-{day[4:6]}-{day[6:]}"


def moved(day: str, days: int) -> str:
    """So many days later, in the hub's way of writing it."""
    return f"{date.fromisoformat(day) + timedelta(days=days):%Y%m%d}"
