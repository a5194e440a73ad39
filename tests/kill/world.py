"""A hub under load and a bench at work, both real processes, one of them killed again and again.

After each restart everything that was acknowledged must be there, once. What is shown: a process may end between any
two instructions. What is not: a machine that loses its power (``tests/sim`` loses the last pages of a copy; that the
hub's commits and the bench's outbox are forced onto the disk is a setting, looked at in ``hub/db`` and ``store``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec

from app.ports import SystemClock
from app.wire import ChangePage
from rehearsal.douyin import Douyin
from rehearsal.processes import HubProcess, call
from rehearsal.server import serving
from tests.helpers.ports import held_port
from tests.kill import bench as benches
from tests.kill.bench import Bench
from tests.kill.ledger import Followed, Lost, check, same
from tests.kill.load import FILES, PATIENCE_S, PLATFORM, Door, Load, SilentShop, order_file

PASSWORD = "only-for-tests-1"
BENCH_ORDERS = [f"B{n:03d}" for n in range(8)]
#: Green scans between two kills of the bench, at least.
_GREENS = 4
#: Waybill numbers to be given out.
_POOL = 500
#: What is killed: the hub or the bench at work, while it starts, or both at once.
KINDS = ("hub", "bench", "hub starting", "bench starting", "both")
_WEIGHTS = (8, 6, 2, 1, 1)


@dataclass
class Told:
    """What one run showed."""

    kills: dict[str, int]
    orders: int = 0
    pushes: int = 0
    acts: int = 0
    labels: int = 0
    greens: int = 0
    unheard: int = 0
    seconds: float = 0.0

    @property
    def times(self) -> int:
        return sum(self.kills.values())


class World:
    """One hub, one bench, one platform; open from ``with`` on."""

    def __init__(
        self,
        folder: Path,
        port: int,
        seed: int,
        say: Callable[[str], None] = lambda _: None,
        calm: float = 1.0,
    ) -> None:
        self._folder, self._dice, self._say = folder, Random(seed), say
        self._shop = SilentShop(SystemClock(), seed=seed)
        self._port, self._calm = port, calm
        self._starts = 0
        self._hub: HubProcess | None = None
        self._load: Load | None = None
        self._reader = Door(self._port)
        self.bench = Bench(folder / "工位 张 三", f"http://127.0.0.1:{self._port}")
        self.held = Followed()

    def run(self, kinds: list[str]) -> Told:
        """Kills these, one after the other. Raises :class:`Lost`."""
        began = time.monotonic()
        with serving(self._shop.app) as gateway:
            self._configure(gateway.url, self._shop)
            self._start_hub()
            try:
                self._open(self._admin())
                for n, kind in enumerate(kinds, 1):
                    self._kill(kind)
                    self._look(is_over=n == len(kinds))
                    self._say(f"{n:4d} {kind}: {self._so_far()} {time.monotonic() - began:.1f}")
                return self._told(kinds, time.monotonic() - began)
            finally:
                self._close()

    # -- opening, closing --------------------------------------------------------------------------------------

    def _configure(self, gateway: str, shop: Douyin) -> None:
        path = self._folder / "hub.toml"
        path.write_text(
            f'[[shop]]\nid = "{FILES}"\nconnector = "file"\n\n'
            f'[[shop]]\nid = "{PLATFORM}"\nconnector = "douyin"\nbase_url = "{gateway}"\npoll_s = 86400\n'
            f'app_key = "{shop.app_key}"\napp_secret = "{shop.app_secret}"\n'
            f'access_token = "{shop.access_token}"\nrefresh_token = "{shop.refresh_token}"\n\n'
            f'[[user]]\nname = "admin"\nrole = "admin"\npassword = "{PASSWORD}"\n',
            encoding="utf-8",
        )
        path.chmod(0o600)

    def _start_hub(self) -> None:
        self._starts += 1
        log = self._folder / f"hub-{self._starts:03d}.log"
        self._hub = HubProcess(self._folder / "hub", self._folder / "hub.toml", self._port, log)

    @property
    def _url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _admin(self) -> str:
        self._the_hub.wait_ready(PATIENCE_S)
        return str(call(self._url, "POST", "/v1/sessions", {"user": "admin", "password": PASSWORD})["token"])

    def _open(self, admin: str) -> None:
        """Waybill numbers, the bench's orders, both stations, everybody at work."""
        self._reader.token = admin
        pool = "waybill_no,carrier\n" + "".join(f"ZT{n:010d},zhongtong\n" for n in range(_POOL))
        self._file(pool.encode(), "waybills")
        self._file(order_file(BENCH_ORDERS, benches.LINES, benches.QTY), "orders")
        self.bench.start()
        joined = call(self._url, "POST", "/v1/stations", {"code": self._code(admin), "name": "2 号台"})
        self._load = Load(self._port, admin, joined["token"], self._shop, _POOL, self._calm)
        self._follow()
        orders = [order for order in self.held.orders.values() if order.channel_order_no in BENCH_ORDERS]
        self.bench.pair(self._code(admin))
        self.bench.work_on([order.parcels[0].parcel_no for order in orders])
        self.bench.scan_on()

    def _file(self, rows: bytes, kind: str) -> None:
        path = f"/v1/imports?kind={kind}&shop={FILES}&filename=first.csv"
        self._reader.until("POST", path, rows, Content_Type="text/csv")

    def _code(self, admin: str) -> str:
        asked = {"kind": "packing", "warehouse": "main"}
        return str(call(self._url, "POST", "/v1/pairing_codes", asked, token=admin)["code"])

    def _close(self) -> None:
        if self._load is not None:
            self._load.stop()
        self.bench.stop()
        self._reader.close()
        if self._hub is not None:
            self._hub.stop()

    @property
    def _the_hub(self) -> HubProcess:
        if self._hub is None:
            raise RuntimeError("not started")
        return self._hub

    @property
    def _the_load(self) -> Load:
        if self._load is None:
            raise RuntimeError("not open")
        return self._load

    # -- killing -----------------------------------------------------------------------------------------------

    def _kill(self, kind: str) -> None:
        self._under_way(kind)
        time.sleep(self._dice.uniform(0, 0.4))
        hits_hub, hits_bench = (
            kind != "bench" and kind != "bench starting",
            kind in ("bench", "both", "bench starting"),
        )
        if hits_hub:
            self._kill_hub()
        if hits_bench:
            self.bench.kill()
        if hits_hub:
            self._start_hub()
        if hits_bench:
            self.bench.start()
        if kind == "hub starting":
            time.sleep(self._dice.uniform(0, 2.5))
            self._kill_hub()
            self._start_hub()
        if kind == "bench starting":
            time.sleep(self._dice.uniform(0, 2.5))
            self.bench.kill()
            self.bench.start()
        if hits_bench:
            self.bench.scan_on()
        self._the_hub.wait_ready(PATIENCE_S)

    def _under_way(self, kind: str) -> None:
        """Somebody was promised something since the last kill: the next one hits real work."""
        load, end = self._the_load, time.monotonic() + PATIENCE_S
        acts, greens = len(load.promised.receipts), self.bench.greens
        hits_bench = kind in ("bench", "both", "bench starting")
        while len(load.promised.receipts) == acts or (hits_bench and self.bench.greens < greens + _GREENS):
            self._follow()
            load.raise_failures()
            if self.bench.failure is not None:
                raise self.bench.failure
            if time.monotonic() > end:
                raise Lost(f"nothing went on before killing the {kind}: {self._so_far()}")
            time.sleep(0.02)

    def _kill_hub(self) -> None:
        hub = self._the_hub
        hub.process.kill()
        hub.process.wait()
        hub.stop()

    # -- looking -----------------------------------------------------------------------------------------------

    def _look(self, *, is_over: bool) -> None:
        load = self._the_load
        with load.still():
            load.again()
            if is_over:
                self._all_fetched()
                self.bench.rest()
            self._follow()
            check(load.promised, self.held, is_over=is_over)
            if is_over:
                self._compare()
                self._bench_arrived()

    def _all_fetched(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while load_missing := self._the_load.promised.pushed - set(self.held.named.values()):
            if time.monotonic() > end:
                raise Lost(
                    f"{len(load_missing)} pushes were answered and are forgotten: {sorted(load_missing)[:5]}"
                )
            self._follow()
            time.sleep(0.1)

    def _follow(self, held: Followed | None = None) -> None:
        """Reads to the head; fresh orders are given out to be worked on."""
        held = held or self.held
        while True:
            path = f"/v1/changes?after={held.cursor}&limit=1000"
            path += f"&epoch={held.epoch}" if held.epoch else ""
            page = msgspec.json.decode(self._reader.until("GET", path), type=ChangePage)
            fresh = held.take(page)
            if held is self.held:
                self._the_load.free += [order for order in fresh if order.channel_order_no.startswith("F")]
            if held.cursor >= page.head:
                return

    def _compare(self) -> None:
        """With a first load of the same moment: the hub's own clock works on."""
        fresh = Followed()
        while fresh.cursor != self.held.cursor or not fresh.epoch:
            self._follow(fresh)
            self._follow()
        same(self.held, fresh)

    def _bench_arrived(self) -> None:
        """What lies on the bench's disk is what the hub counted, act by act."""
        of_bench = {no for no, given in self.held.named.items() if given in BENCH_ORDERS}
        counted = {
            row.act_id
            for row in self.held.history.values()
            if row.kind == "line_packed" and row.order_no in of_bench
        }
        if counted != self.bench.kept():
            raise Lost(f"the bench holds {len(self.bench.kept())} counts, the hub {len(counted)}")
        if not self.bench.greens <= len(counted) <= self.bench.greens + self.bench.unheard:
            raise Lost(f"{self.bench.greens} scans were green, {len(counted)} are counted")

    def _so_far(self) -> str:
        promised = self._the_load.promised
        return (
            f"{len(promised.orders)} orders, {len(promised.pushed)} pushes, {len(promised.receipts)} acts, "
            f"{len(promised.labels)} labels, {self.bench.greens} green scans"
        )

    def _told(self, kinds: list[str], seconds: float) -> Told:
        kills: dict[str, int] = {}
        for kind in kinds:
            for hit in _hits(kind):
                kills[hit] = kills.get(hit, 0) + 1
        promised = self._the_load.promised
        return Told(
            kills=kills,
            orders=len(promised.orders),
            pushes=len(promised.pushed),
            acts=len(promised.receipts),
            labels=len(promised.labels),
            greens=self.bench.greens,
            unheard=self.bench.unheard,
            seconds=seconds,
        )


def _hits(kind: str) -> list[str]:
    """The kills of one round: a start that is killed was a restart after a kill."""
    match kind:
        case "both":
            return ["hub", "bench"]
        case "hub starting":
            return ["hub", "hub starting"]
        case "bench starting":
            return ["bench", "bench starting"]
    return [kind]


def rounds(times: int, dice: Random) -> list[str]:
    """What is killed, round by round, until so many processes have been killed."""
    kinds: list[str] = []
    left = times
    while left > 0:
        [kind] = dice.choices(KINDS, _WEIGHTS)
        if len(_hits(kind)) <= left:
            kinds.append(kind)
            left -= len(_hits(kind))
    return kinds


def run(
    folder: Path,
    kinds: list[str],
    seed: int,
    say: Callable[[str], None] = lambda _: None,
    calm: float = 1.0,
) -> Told:
    """One world in ``folder``. Raises :class:`Lost`, its logs and databases left there.

    ``calm``: the hub's callers rest so many times longer between two calls.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with held_port() as port:
        return World(folder, port, seed, say, calm).run(kinds)


__all__ = ["KINDS", "Lost", "Told", "World", "rounds", "run"]
