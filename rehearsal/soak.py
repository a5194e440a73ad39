"""A soak: some minutes at 110 % of the load Orderdock is made for, with faults by a script (GOV-11, ING-12, GOV-10).

``python -m rehearsal.soak [--minutes 30] [--rate 21.4] [--benches 3] [--seed 1] [--out DIR]`` sells on a stand-in
Douyin (pushes, details and lists by its true protocol), runs a hub and packing stations as separate processes over
HTTP, packs at the benches, and meanwhile: the platform answers late, twice, not at all; the hub is killed; a
station's computer dies; the platform is away for a while and takes no calls. What is said at the end
(``DIR/soak.json``): was anything lost or doubled, how long an order took from paid to the table, and the share of
the time in which the stations themselves said that they had the hub. Exit status 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from app.ports import SystemClock
from rehearsal.douyin import Douyin
from rehearsal.douyin_pushes import Pusher
from rehearsal.processes import Desk, HubProcess, StepFailed, call, free_port
from rehearsal.server import Manner, serving

#: ING-12: 70,000 orders in an hour.
DESIGN_RATE = 70_000 / 3600
LOAD = 1.1
#: GOV-11, ING-12 and GOV-10.
AVAILABLE = 0.992
TABLE_P95_S = 3.0
BACK_S = 60.0
SHOP = "soak"
_PASSWORD = "soak-password-1"
#: How often the platform behaves badly, each way, while it does.
_ONE_IN = 40
#: Seconds between two looks at a bench that has nothing to do.
_LOOK_S = 0.5
_PARCEL_EVERY_S = 3.0
#: Seconds after the last sale within which everything must be in the table: the platform's last retry, a fetch.
_SETTLE_S = 180.0


# ---------------------------------------------------------------------------------------------- who watches


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
        opened = self.desk.ask("scan", text=parcel_no)
        if opened["done"] != "opened":
            self.refused.append(f"{parcel_no}: {opened['result']}")
            return
        for code in codes:
            self.desk.ask("scan", text=code)
        if self.desk.ask("close")["done"] == "closed":
            self.packed += 1


# ------------------------------------------------------------------------------------------------- the soak


class Soak:
    """One soak; :meth:`run` gives what was seen."""

    def __init__(self, out: Path, minutes: float, rate: float, benches: int, seed: int) -> None:
        self._out, self._seconds, self._rate, self._count = out, minutes * 60, rate, benches
        self._douyin = Douyin(SystemClock(), seed=seed)
        self._bought: dict[str, float] = {}
        self._faults: list[str] = []
        self._back_s: list[float] = []
        self._port = free_port()
        self._url = f"http://127.0.0.1:{self._port}"
        self._benches: list[Bench] = []

    def run(self) -> dict[str, Any]:
        self._out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            gateway = stack.enter_context(serving(self._douyin.app))
            self._config(gateway.url)
            self._hub = self._started()
            stack.callback(lambda: self._hub.stop())
            asked = {"user": "admin", "password": _PASSWORD}
            self._token = call(self._url, "POST", "/v1/sessions", asked)["token"]
            table = Table(self._url, self._token).start()
            stack.callback(table.stop)
            for n in range(1, self._count + 1):
                self._benches.append(self._bench(f"{n} 号台", table))
            for bench in self._benches:
                stack.callback(bench.start().stop)
            pusher = Pusher(self._douyin, f"{self._url}/v1/webhooks/{SHOP}").start()
            stack.callback(pusher.stop)
            self._sell()
            self._settle(table)
            return self._seen(table)

    def _config(self, gateway: str) -> None:
        shop = self._douyin
        config = self._out / "hub.toml"
        config.write_text(
            f'[[shop]]\nid = "{SHOP}"\nconnector = "douyin"\nbase_url = "{gateway}"\npoll_s = 60\n'
            f'app_key = "{shop.app_key}"\napp_secret = "{shop.app_secret}"\n'
            f'access_token = "{shop.access_token}"\nrefresh_token = "{shop.refresh_token}"\n\n'
            f'[[user]]\nname = "admin"\nrole = "admin"\npassword = "{_PASSWORD}"\n',
            encoding="utf-8",
        )
        config.chmod(0o600)

    def _started(self) -> HubProcess:
        hub = HubProcess(self._out / "hub", self._out / "hub.toml", self._port, self._out / "hub.log")
        hub.wait_ready(BACK_S)
        return hub

    def _bench(self, name: str, table: Table) -> Bench:
        folder = self._out / f"station {name}"

        def opened() -> Desk:
            return Desk("packing", self._url, folder, self._out / f"{name}.log", "zh", offscreen=True)

        desk = opened()
        asked = {"kind": "packing", "warehouse": "main"}
        code = call(self._url, "POST", "/v1/pairing_codes", asked, token=self._token)["code"]
        desk.ask("pair", 120, hub=self._url, code=code, name=name)
        return Bench(name, desk, opened, table)

    # --------------------------------------------------------------------------------------- what happens

    def _sell(self) -> None:
        """Sells by the clock, and lets each fault happen at its share of the time."""
        script = deque(self._script())
        began = time.monotonic()
        sold = 0
        while (elapsed := time.monotonic() - began) < self._seconds:
            while script and elapsed >= script[0][0] * self._seconds:
                _, name, fault = script.popleft()
                self._faults.append(f"{elapsed:.0f} s: {name}")
                threading.Thread(target=fault, name=name, daemon=True).start()
            due = int(elapsed * self._rate) - sold
            for order in self._douyin.book.buy(due):
                self._bought[order.order_no] = time.time()
            sold += due
            time.sleep(0.05)

    def _script(self) -> list[tuple[float, str, Callable[[], None]]]:
        manners = self._douyin.manners
        calls = (Manner.slow, Manner.broken, Manner.lost, Manner.throttled, Manner.refused)
        pushes = (Manner.slow, Manner.lost, Manner.doubled, Manner.reordered)
        away_s = min(60.0, self._seconds / 10)

        def away() -> None:
            manners.often(Manner.broken, one_in=1)
            time.sleep(away_s)
            manners.good()

        return [
            (
                0.10,
                "the platform answers late, wrong, not at all",
                lambda: manners.often(*calls, one_in=_ONE_IN),
            ),
            (
                0.20,
                "its pushes come twice, late, mixed",
                lambda: manners.often(*pushes, one_in=_ONE_IN, on="push"),
            ),
            (0.40, "the hub is killed", self._kill_hub),
            (0.60, "a station's computer dies", lambda: self._benches[0].die()),
            (0.75, f"the platform is away for {away_s:.0f} s", away),
            (0.90, "buyers cancel", self._cancel_some),
        ]

    def _kill_hub(self) -> None:
        self._hub.process.kill()
        self._hub.process.wait()
        began = time.monotonic()
        self._hub.stop()
        self._hub = self._started()
        self._back_s.append(time.monotonic() - began)

    def _cancel_some(self) -> None:
        for order in self._douyin.book.orders()[-40::2]:
            self._douyin.book.cancel(order.order_no)

    def _settle(self, table: Table) -> None:
        """Everything goes well again: all that was bought must be in the table, all that was packed at the hub."""
        self._douyin.manners.good()
        end = time.monotonic() + _SETTLE_S
        while time.monotonic() < end:
            if len(table.first_seen) >= len(self._bought) and not any(b.pending for b in self._benches):
                break
            time.sleep(0.5)
        for bench in self._benches:
            bench.stop()

    # ------------------------------------------------------------------------------------------ what was seen

    def _seen(self, table: Table) -> dict[str, Any]:
        took = sorted(table.first_seen[no] - at for no, at in self._bought.items() if no in table.first_seen)
        shares = {bench.name: round(bench.available(), 5) for bench in self._benches}
        seen: dict[str, Any] = {
            "minutes": round(self._seconds / 60, 1),
            "orders_per_s": round(self._rate, 2),
            "bought": len(self._bought),
            "missing": sorted(self._bought.keys() - table.first_seen.keys())[:20],
            "doubled": sorted(no for no, ours in table.numbers.items() if len(ours) > 1)[:20],
            "paid_to_table_s": {f"p{p}": round(_part(took, p / 100), 3) for p in (50, 95, 99, 100)},
            "hub_back_after_s": [round(s, 2) for s in self._back_s],
            "available": shares,
            "available_all": round(sum(shares.values()) / len(shares), 5),
            "parcels_packed": sum(bench.packed for bench in self._benches),
            "acts_still_waiting": sum(bench.pending for bench in self._benches),
            "said_no": [said for bench in self._benches for said in bench.refused][:20],
            "faults": self._faults,
        }
        seen["ok"] = (
            not seen["missing"]
            and not seen["doubled"]
            and not seen["acts_still_waiting"]
            and seen["available_all"] >= AVAILABLE
            and all(s <= BACK_S for s in self._back_s)
        )
        return seen


def _part(sorted_values: Sequence[float], share: float) -> float:
    return (
        sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))] if sorted_values else 0.0
    )


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m rehearsal.soak", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=DESIGN_RATE * LOAD, help="orders paid a second")
    parser.add_argument("--benches", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="orderdock-soak-") as folder:
        out = (asked.out or Path(folder)).resolve()
        seen = Soak(out, asked.minutes, asked.rate, asked.benches, asked.seed).run()
        (out / "soak.json").write_text(json.dumps(seen, ensure_ascii=False, indent=2), encoding="utf-8")
    sys.stdout.write(json.dumps(seen, ensure_ascii=False, indent=2) + "\n")
    return 0 if seen["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
