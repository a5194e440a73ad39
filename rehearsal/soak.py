"""A soak: some minutes at 110 % of the load Orderdock is made for, with faults by a script (GOV-11, ING-12, GOV-10).

``python -m rehearsal.soak [--minutes 30] [--rate 21.4] [--benches 3] [--seed 1] [--out DIR]`` sells on a stand-in
Douyin (pushes, details and lists by its true protocol), runs a hub and packing stations as separate processes over
HTTP, packs at the benches, and meanwhile: the platform answers late, twice, not at all; the hub is killed; a
station's computer dies; the platform is away for a while and takes no calls. What is said at the end
(``DIR/soak.json``): was anything lost or doubled; orders offered and taken a second; how long an order took from paid
to the table, over all and over those paid while no fault stood between; how long a scan took at a bench; each fault
with its time; the share of the time in which the stations themselves said that they had the hub, and the seconds they
had not; CPU and memory of the hub and the stations. ``broken`` names each promise that was broken; exit status 1 when
there is one. The hub's restart alone takes some seconds: of 99.2 % of four minutes two may be missing, of thirty 14.
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
from pathlib import Path
from typing import Any

from app.ports import SystemClock
from rehearsal.douyin import Douyin
from rehearsal.douyin_pushes import Pusher
from rehearsal.processes import Desk, HubProcess, as_installed, call, free_port
from rehearsal.server import Manner, serving
from rehearsal.soak_seen import BACK_S, Bench, Fault, Table, Use, broken, parts

#: ING-12: 70,000 orders in an hour.
DESIGN_RATE = 70_000 / 3600
LOAD = 1.1
SHOP = "soak"
_PASSWORD = "soak-password-1"
#: How often the platform behaves badly, each way, while it does.
_ONE_IN = 40
#: Seconds after the last sale within which everything must be in the table: the platform's last retry, a fetch.
_SETTLE_S = 180.0


# ------------------------------------------------------------------------------------------------- the soak


class Soak:
    """One soak; :meth:`run` gives what was seen."""

    def __init__(self, out: Path, minutes: float, rate: float, benches: int, seed: int) -> None:
        self._out, self._seconds, self._rate, self._count = out, minutes * 60, rate, benches
        self._douyin = Douyin(SystemClock(), seed=seed)
        self._bought: dict[str, float] = {}
        self._faults: list[Fault] = []
        self._sold_s = 0.0
        self._used: dict[str, Use] = {}
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
                _, name, bars, cause = script.popleft()
                fault = Fault(name, bars, elapsed, time.time())
                self._faults.append(fault)
                threading.Thread(target=_caused, args=(fault, cause), name=name, daemon=True).start()
            self._look_at_use()
            due = int(elapsed * self._rate) - sold
            for order in self._douyin.book.buy(due):
                self._bought[order.order_no] = time.time()
            sold += due
            time.sleep(0.05)
        self._sold_s = time.monotonic() - began

    def _look_at_use(self) -> None:
        """What the processes take; one that was started again goes on in its row."""
        for name, process in [("hub", self._hub), *((bench.name, bench.desk) for bench in self._benches)]:
            self._used.setdefault(name, Use()).look(process.process.pid)

    def _script(self) -> list[tuple[float, str, bool, Callable[[], None]]]:
        """When (share of the time), what, whether it keeps orders from the table, and who does it: it returns when it
        is over.
        """
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
                "from now on the platform answers late, wrong, not at all",
                False,
                lambda: manners.often(*calls, one_in=_ONE_IN),
            ),
            (
                0.20,
                "from now on its pushes come twice, late, mixed",
                False,
                lambda: manners.often(*pushes, one_in=_ONE_IN, on="push"),
            ),
            (0.40, "the hub is killed", True, self._kill_hub),
            (0.60, "a station's computer dies", False, self._kill_station),
            (0.75, f"the platform is away for {away_s:.0f} s", True, away),
            (0.90, "buyers cancel", False, self._cancel_some),
        ]

    def _kill_hub(self) -> None:
        self._hub.process.kill()
        self._hub.process.wait()
        began = time.monotonic()
        self._hub.stop()
        self._hub = self._started()
        self._back_s.append(time.monotonic() - began)

    def _kill_station(self) -> None:
        """It is over when the station says again that it has the hub."""
        bench = self._benches[0]
        before = len(bench.looks)
        bench.die()
        end = time.monotonic() + BACK_S
        while time.monotonic() < end and [had for _, had in bench.looks[before:]][-2:] != [False, True]:
            time.sleep(0.1)

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
        came = {no: table.first_seen[no] - at for no, at in self._bought.items() if no in table.first_seen}
        calm = [s for no, s in came.items() if not any(f.touches(self._bought[no]) for f in self._faults)]
        scans = [s for bench in self._benches for s in bench.scans_s]
        shares = {bench.name: round(bench.available(), 5) for bench in self._benches}
        last = max(table.first_seen.values(), default=0.0) - min(self._bought.values(), default=0.0)
        seen: dict[str, Any] = {
            "minutes": round(self._seconds / 60, 1),
            "orders_wanted_per_s": round(self._rate, 2),
            "orders_offered_per_s": round(len(self._bought) / self._sold_s, 2),
            "orders_taken_per_s": round(len(came) / max(last, self._sold_s), 2),
            "bought": len(self._bought),
            "missing": sorted(self._bought.keys() - table.first_seen.keys())[:20],
            "doubled": sorted(no for no, ours in table.numbers.items() if len(ours) > 1)[:20],
            "paid_to_table_s": parts(list(came.values())),
            "paid_to_table_without_faults_s": parts(calm) | {"orders": len(calm)},
            "scan_s": parts(scans) | {"scans": len(scans)},
            "hub_back_after_s": [round(s, 2) for s in self._back_s],
            "available": shares,
            "away_s": {bench.name: round(bench.away_s(), 1) for bench in self._benches},
            "available_all": round(sum(shares.values()) / len(shares), 5),
            "parcels_packed": sum(bench.packed for bench in self._benches),
            "acts_still_waiting": sum(bench.pending for bench in self._benches),
            "said_no": [said for bench in self._benches for said in bench.refused][:20],
            "faults": [fault.said() for fault in self._faults],
            "used": {name: use.said() for name, use in self._used.items()},
        }
        seen["broken"] = broken(seen)
        seen["ok"] = not seen["broken"]
        return seen


def _caused(fault: Fault, cause: Callable[[], None]) -> None:
    cause()
    fault.ended = time.time()


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
        as_installed(Path(folder) / "compiled")
        out = (asked.out or Path(folder)).resolve()
        seen = Soak(out, asked.minutes, asked.rate, asked.benches, asked.seed).run()
        (out / "soak.json").write_text(json.dumps(seen, ensure_ascii=False, indent=2), encoding="utf-8")
    sys.stdout.write(json.dumps(seen, ensure_ascii=False, indent=2) + "\n")
    return 0 if seen["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
