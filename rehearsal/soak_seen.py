"""Who watches while a soak goes on, and what is said of it at the end (see rehearsal.soak)."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from rehearsal.processes import Desk, StepFailed, call

#: GOV-11, ING-12 and GOV-10.
AVAILABLE = 0.992
TABLE_P95_S = 3.0
SCAN_P95_S = 0.200
BACK_S = 60.0
#: Seconds between two looks at a bench that has nothing to do.
_LOOK_S = 0.5
_PARCEL_EVERY_S = 3.0
#: What was paid so shortly before the hub died, or the platform went, comes as late as what was paid meanwhile.
_BEFORE_S = 3.0
#: And so long afterwards: the platform sends what was refused again after its own pause.
_AFTER_S = 15.0


class Table:
    """Reads the hub's feed as somebody without a station does: when was each order first in the table?"""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url, token
        self.first_seen: dict[str, float] = {}
        self.numbers: dict[str, set[str]] = {}
        #: Orders that may be packed, newest last: (slip's parcel number, codes to scan).
        self.ready: deque[tuple[str, list[str]]] = deque(maxlen=200)
        self.seq = 0
        self._epoch = ""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="table", daemon=True)

    def start(self) -> Table:
        self._thread.start()
        return self

    def stop(self) -> None:
        self._over.set()
        self._thread.join(40)

    def _read(self) -> None:
        while not self._over.is_set():
            epoch = f"&epoch={self._epoch}" if self._epoch else ""
            path = f"/v1/changes?after={self.seq}{epoch}&limit=1000&wait=2"
            try:
                page = call(self._url, "GET", path, token=self._token, seconds=30)
            except (OSError, StepFailed):
                self._over.wait(0.2)
                continue
            self._take(page, time.time())

    def _take(self, page: dict[str, Any], now: float) -> None:
        self.seq, self._epoch = page["next"], page["epoch"]
        for change in page["changes"]:
            if change["kind"] != "order" or change.get("gone"):
                continue
            order = change["body"]
            no = order["channel_order_no"]
            self.numbers.setdefault(no, set()).add(order["order_no"])
            if no in self.first_seen:
                continue
            self.first_seen[no] = now
            if order["order_state"] == "released" and not order["stops"]:
                codes = [line["sku_code"] for line in order["lines"] for _ in range(line["qty"])]
                self.ready.append((order["parcels"][0]["parcel_no"], codes))


@dataclass
class Bench:
    """One packing station as a process, and somebody who works at it; ``looks`` are (moment, has the hub?)."""

    name: str
    desk: Desk
    again: Callable[[], Desk]
    table: Table
    looks: list[tuple[float, bool]] = field(default_factory=list)
    packed: int = 0
    refused: list[str] = field(default_factory=list)
    pending: int = 0
    #: Seconds of each scan, from the hand to the hand: the way into the window's process and back is in them.
    scans_s: list[float] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _dead: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> Bench:
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(60)
        self.desk.stop()

    def die(self) -> None:
        """The computer loses its power, and is switched on again."""
        self._dead.set()
        self.desk.process.kill()

    def available(self) -> float:
        """Share of the time between two looks that both said so."""
        whole = self.looks[-1][0] - self.looks[0][0]
        return sum(b - a for (a, was), (b, now) in pairwise(self.looks) if was and now) / whole

    def away_s(self) -> float:
        """Seconds in which it did not say that it has the hub."""
        return (self.looks[-1][0] - self.looks[0][0]) * (1 - self.available())

    def _work(self) -> None:
        next_parcel = time.monotonic()
        while not self._over.is_set():
            try:
                self._look()
                if time.monotonic() >= next_parcel and self.table.ready:
                    next_parcel = time.monotonic() + _PARCEL_EVERY_S
                    self._pack(*self.table.ready.pop())
            except StepFailed as error:
                self.looks.append((time.monotonic(), False))
                if self._dead.is_set():
                    self._dead.clear()
                    self.desk.stop()
                    self.desk = self.again()
                else:
                    self.refused.append(str(error)[:200])
            self._over.wait(_LOOK_S)

    def _look(self) -> None:
        state = self.desk.ask("state", 20)
        self.pending = state["pending"]
        self.looks.append((time.monotonic(), bool(state["is_online"])))

    def _pack(self, parcel_no: str, codes: Sequence[str]) -> None:
        opened = self._scan(parcel_no)
        if opened["done"] != "opened":
            self.refused.append(f"{parcel_no}: {opened['result']}")
            return
        for code in codes:
            self._scan(code)
        if self.desk.ask("close")["done"] == "closed":
            self.packed += 1

    def _scan(self, text: str) -> dict[str, Any]:
        began = time.monotonic()
        said = self.desk.ask("scan", text=text)
        self.scans_s.append(time.monotonic() - began)
        return said


@dataclass
class Fault:
    """One fault: from when (seconds of the soak, and time.time()) and until when; ``bars`` orders from the table."""

    what: str
    bars: bool
    at_s: float
    began: float
    ended: float = 0.0

    def touches(self, paid_at: float) -> bool:
        return self.bars and self.began - _BEFORE_S <= paid_at <= (self.ended or paid_at) + _AFTER_S

    def said(self) -> dict[str, Any]:
        """``lasted_s`` is left out of what lasts to the end, and of what is over at once."""
        said: dict[str, Any] = {"what": self.what, "at_s": round(self.at_s)}
        lasted = self.ended - self.began
        return said | {"lasted_s": round(lasted, 1)} if lasted > 0.1 else said


@dataclass
class Use:
    """CPU seconds of a process over its lives, and its memory in MB: when first looked at, now, at most."""

    cpu_s: float = 0.0
    first_mb: float = 0.0
    last_mb: float = 0.0
    most_mb: float = 0.0
    _pid: int = 0
    _of_pid_s: float = 0.0
    _due: float = 0.0

    def look(self, pid: int) -> None:
        """Once in five seconds; nothing where the system has no /proc, or the process has just died."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + 5
        try:
            row = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            return
        spent = (int(row[11]) + int(row[12])) / os.sysconf("SC_CLK_TCK")
        self.cpu_s += spent - (self._of_pid_s if pid == self._pid else 0.0)
        self._pid, self._of_pid_s = pid, spent
        self.last_mb = int(row[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        self.first_mb = self.first_mb or self.last_mb
        self.most_mb = max(self.most_mb, self.last_mb)

    def said(self) -> dict[str, int]:
        return {
            "cpu_s": round(self.cpu_s),
            "first_mb": round(self.first_mb),
            "last_mb": round(self.last_mb),
            "most_mb": round(self.most_mb),
        }


def broken(seen: dict[str, Any]) -> list[str]:
    """Each promise that was broken, in words."""
    promises = {
        "ING-12: an order is missing": not seen["missing"],
        "ING-12: an order is there twice": not seen["doubled"],
        f"ING-12: 95 % of orders in the table within {TABLE_P95_S:.0f} s where no fault stood between": (
            seen["paid_to_table_without_faults_s"]["p95"] <= TABLE_P95_S
        ),
        f"ING-12: 95 % of scans within {SCAN_P95_S * 1000:.0f} ms": seen["scan_s"]["p95"] <= SCAN_P95_S,
        "the load was not offered": seen["orders_offered_per_s"] >= 0.98 * seen["orders_wanted_per_s"],
        f"GOV-11: stations had the hub for {AVAILABLE:.1%} of the time": seen["available_all"] >= AVAILABLE,
        f"GOV-10: the hub was back within {BACK_S:.0f} s": all(s <= BACK_S for s in seen["hub_back_after_s"]),
        "GOV-10: what was packed has not reached the hub": not seen["acts_still_waiting"],
    }
    return [promise for promise, is_kept in promises.items() if not is_kept]


def parts(values: Sequence[float]) -> dict[str, Any]:
    ordered = sorted(values)
    return {f"p{p}": round(part(ordered, p / 100), 3) for p in (50, 95, 99, 100)}


def part(sorted_values: Sequence[float], share: float) -> float:
    return (
        sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))] if sorted_values else 0.0
    )
