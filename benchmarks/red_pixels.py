"""A hub process on SQLite (FULL) over HTTP and a packing station with its real window (1366 x 768, offscreen) that
is paired, online and has the parcel open. A rep cancels through `POST /v1/acts`; the clock runs from before the
request leaves until the bench's window is painted and handed to the screen, and a grab of that window is then
looked at: it must be red in the middle of every edge. The hub's receipt comes back on the way; what is left
after it is shown apart. The reference is one frame of a 60 Hz screen.
"""

from __future__ import annotations

import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.core.qr import slip_code
from benchmarks.hub import BenchHub, Rep
from benchmarks.report import Figure, milliseconds, percentile
from benchmarks.window import idle, is_red, opened, turn_until, type_code
from ui.station import Station
from ui.widgets.alarm import ACK_KEY

TITLE = "Cancel to red pixels at the bench"
FRAME_S = 1 / 60
AIM_S = 0.050


def run(quick: bool = False) -> list[Figure]:
    count = 4 if quick else 200
    with tempfile.TemporaryDirectory() as name, BenchHub(Path(name) / "hub") as hub:
        orders = hub.take_orders(count + 1, lines=2)
        station = opened(Path(name) / "工位 一")
        try:
            _join(station, hub)
            seconds = _cancels(station, hub, orders)
        finally:
            station.close()
    sent, acked = seconds.sent[1:], seconds.acked[1:]  # the first draws everything for the first time
    after = [max(0.0, red - answer) for red, answer in zip(sent, acked, strict=True)]
    p99 = percentile(sent, 0.99)
    return [
        Figure(
            what=f"rep's request leaves -> red at the bench, {len(sent)} cancels, p50 / p99",
            ours=_both(sent),
            reference=f"{milliseconds(FRAME_S)} one frame",
            ratio=f"{p99 / FRAME_S:.1f} frames",
            aim=f"p99 <= {AIM_S * 1000:.0f} ms",
            passed=p99 <= AIM_S,
        ),
        Figure(what="of this, until the rep has the receipt", ours=_both(acked), reference="-", ratio="-"),
        Figure(what="of this, red later than the receipt by", ours=_both(after), reference="-", ratio="-"),
    ]


def _both(seconds: list[float]) -> str:
    return f"{milliseconds(percentile(seconds, 0.5))} / {milliseconds(percentile(seconds, 0.99))}"


@dataclass
class _Seconds:
    """Per cancel: from the request to the red window, and to the receipt."""

    sent: list[float] = field(default_factory=list)
    acked: list[float] = field(default_factory=list)


def _join(station: Station, hub: BenchHub) -> None:
    """As the first page of a new station does it."""
    core = station.core
    station.work.run(lambda: core.pair(hub.url, hub.code(), "打包台 1"))
    if not turn_until(lambda: station.desk is not None and core.read.queue_count() > 0, 30):
        raise RuntimeError("the station did not join")
    idle(1.0)


def _cancels(station: Station, hub: BenchHub, orders: list[str]) -> _Seconds:
    seconds = _Seconds()
    rep = Rep(hub)
    try:
        for n, order_no in enumerate(orders):
            _open(station, order_no)
            red, began, ended = _cancel(station, rep, f"red-{n:04d}", order_no)
            seconds.sent.append(red - began)
            seconds.acked.append(ended - began)
            _acknowledge(station)
    finally:
        rep.close()
    return seconds


def _open(station: Station, order_no: str) -> None:
    """The slip is scanned, and the hub has heard of it: the bench holds the parcel."""
    parcel_no = f"{order_no}01"
    type_code(station, slip_code(parcel_no, 1))

    def is_held() -> bool:
        fed = station.core.read.fed(order_no)
        parcel = fed[0].parcel(parcel_no) if fed else None
        return parcel is not None and parcel.holder is not None and not station.core.read.pending_count()

    if not turn_until(is_held, 15):
        raise RuntimeError(f"{parcel_no} was not opened: {station.core.packing.view().last}")
    idle(0.1)


def _cancel(station: Station, rep: Rep, act_id: str, order_no: str) -> tuple[float, float, float]:
    """The moments the window was red, the request left, and the receipt came."""
    red: list[float] = []
    answer: list[tuple[float, float]] = []

    def is_drawn(_: object) -> None:  # told when the sheet has been repainted and handed over
        red.append(time.perf_counter())

    station.alarm.raised.connect(is_drawn)
    asking = threading.Thread(target=lambda: answer.append(rep.cancel(act_id, order_no)))
    asking.start()
    try:
        if not turn_until(lambda: bool(red), 10):
            raise RuntimeError(f"the bench never went red for {order_no}")
    finally:
        asking.join(20)
        station.alarm.raised.disconnect(is_drawn)
    _look(station)
    began, ended = answer[0]
    return red[0], began, ended


def _look(station: Station) -> None:
    """The pixels themselves."""
    picture = station.window.grab().toImage()
    middle_x, middle_y, edge = picture.width() // 2, picture.height() // 2, 6
    places = (
        (middle_x, edge),
        (middle_x, picture.height() - edge),
        (edge, middle_y),
        (picture.width() - edge, middle_y),
    )
    wrong = [place for place in places if not is_red(picture.pixelColor(*place))]
    if wrong:
        raise RuntimeError(f"not red at {wrong}: {[picture.pixelColor(*p).name() for p in wrong]}")


def _acknowledge(station: Station) -> None:
    """A person takes the hand away: the key, once the alarm takes it."""
    idle(station.kit.theme.ms("arm") / 1000 + 0.05)
    QTest.keyClick(station.window.windowHandle(), getattr(Qt.Key, f"Key_{ACK_KEY}"))
    if not turn_until(lambda: station.alarm.active is None, 10):
        raise RuntimeError("the alarm was not acknowledged")
