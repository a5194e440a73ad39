"""The scripted shift, step by step, on the real program: every step either happens or fails by name.

Hub and desks are processes of their own (rehearsal.processes); the printer, the platforms and the courier source
are stand-ins on loopback. Nothing here reaches into the program: it types, scans, presses and reads what a person
sees, and asks the hub's own doors.
"""

from __future__ import annotations

import csv
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

from rehearsal import shop
from rehearsal.courier import Manners, Waybill
from rehearsal.platforms import Platforms
from rehearsal.printer import StandInPrinter
from rehearsal.processes import Desk, HubProcess, StepFailed, call, held_port, run_command

CancelAt = Literal["queued", "opened", "scanning", "packed"]
CANCEL_AT: tuple[str, ...] = get_args(CancelAt)
DESKS = ("packing", "supervisor", "service")
PASSWORD = "rehearsal-only-1"
SHOP = "demo-shop"
#: Parcels the shift packs and hands over beside the one that is cancelled.
PACKED = 3
SLIPS = 6


@dataclass
class Step:
    name: str
    ok: bool = False
    seconds: float = 0.0
    detail: dict[str, Any] = field(default_factory=dict)
    error: str = ""


@dataclass
class Files:
    """Where the shift leaves what it made."""

    out: Path

    def __post_init__(self) -> None:
        for folder in (self.out, self.data, self.screens, self.papers, self.logs):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def data(self) -> Path:
        return self.out / "data"

    @property
    def screens(self) -> Path:
        return self.out / "screens"

    @property
    def papers(self) -> Path:
        return self.out / "papers"

    @property
    def logs(self) -> Path:
        return self.out / "logs"


class Shift:
    """One shift of one small warehouse. ``play()`` runs all steps and returns the summary."""

    def __init__(
        self,
        out: Path,
        seed: int,
        cancel_at: str,
        lang: str,
        say: Callable[[str], None],
        *,
        few_pictures: bool = False,
    ) -> None:
        """``few_pictures``: one of each moment, the languages of a desk in turn, instead of all languages and sizes."""
        self.files = Files(out)
        self.seed = seed
        self.cancel_at = cancel_at
        self.lang = lang
        self._say = say
        self._few = few_pictures
        self._steps: list[Step] = []
        self._desks: dict[str, Desk] = {}
        self._hub: HubProcess | None = None
        self._printer = StandInPrinter()
        self._platforms = Platforms(seed)
        self._token = ""
        self._scans: dict[str, dict[str, str]] = {}
        self._slips: list[dict[str, str]] = []
        self._cancel: dict[str, Any] = {}
        self._story: list[dict[str, Any]] = []
        self._answer: dict[str, Any] = {}
        self._screens: list[str] = []
        self._handed_over: list[dict[str, str]] = []

    # ------------------------------------------------------------------------------------------ frame

    def open_for_hands(self) -> int:
        """The same warehouse with its windows open: ends when the last window is closed."""
        try:
            with self._printer:
                for step in (self.hub_started, self.goods_imported, self.orders_imported):
                    with self._step(step.__name__) as done:
                        step(done)
                with self._step("desks_opened") as done:
                    self.desks_opened(done, offscreen=False)
                while any(desk.process.poll() is None for desk in self._desks.values()):
                    time.sleep(0.5)
                    self._keep_papers()
                    self._platforms.sell_now_and_then()
                    with suppress(OSError, StepFailed):  # a hub that is away is told later
                        self._platforms.travel(self._has_left)
        except StepFailed:
            return 1
        except KeyboardInterrupt:
            return 0
        finally:
            self.stop()
        return 0

    def _has_left(self, waybill_no: str) -> bool:
        found = self._api("GET", f"/v1/orders?q={waybill_no}")["orders"]
        return any(p["waybill_no"] == waybill_no and p["state"] in _LEFT for o in found for p in o["parcels"])

    def _keep_papers(self) -> None:
        papers = self._printer.papers
        for n in range(len(list(self.files.papers.glob("*.bin"))), len(papers)):
            papers[n].save(self.files.papers, f"slip-{n + 1:02d}")

    def play(self) -> dict[str, Any]:
        """Every step in turn; the first that fails ends the shift. The summary says it either way."""
        started = datetime.now(UTC)
        try:
            with self._printer:
                for step in (
                    self.hub_started,
                    self.goods_imported,
                    self.orders_imported,
                    self.desks_opened,
                    self.orders_at_the_bench,
                    self.slips_printed,
                    self.parcels_packed,
                    self.cancel_stops_the_hand,
                    self.parcels_handed_over,
                    self.platforms_sell,
                    self.courier_tells,
                    self.rep_answers,
                    self.screens_taken,
                ):
                    with self._step(step.__name__) as done:
                        step(done)
        except StepFailed:
            pass
        finally:
            self.stop()
        return self._summary(started)

    def stop(self) -> None:
        for desk in self._desks.values():
            desk.stop()
        self._platforms.stop()
        if self._hub is not None:
            self._hub.stop()

    @contextmanager
    def _step(self, name: str) -> Iterator[Step]:
        step = Step(name)
        self._steps.append(step)
        began = time.monotonic()
        try:
            yield step
            step.ok = True
        except (StepFailed, OSError, KeyError, subprocess.SubprocessError) as error:
            step.error = str(error) or type(error).__name__
            raise StepFailed(step.error) from error
        finally:
            step.seconds = round(time.monotonic() - began, 3)
            mark = "✓" if step.ok else "✗"
            said = f"  {mark} {name.replace('_', ' ')} ({step.seconds:.1f} s)"
            self._say(said if step.ok else f"{said}: {step.error}")

    def _summary(self, started: datetime) -> dict[str, Any]:
        return {
            "ok": all(step.ok for step in self._steps),
            "seed": self.seed,
            "cancel_at": self.cancel_at,
            "started_at": started.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "seconds": round(sum(step.seconds for step in self._steps), 3),
            "steps": [vars(step) for step in self._steps],
            "slips": self._slips,
            "cancel": self._cancel,
            "handed_over": self._handed_over,
            "answer": self._answer,
            "story": self._story,
            "screens": sorted(self._screens),
            "papers": sorted(p.name for p in self.files.papers.iterdir()),
        }

    @property
    def hub(self) -> HubProcess:
        if self._hub is None:
            raise StepFailed("the hub is not running")
        return self._hub

    def _api(self, method: str, path: str, body: Any = None) -> Any:
        return call(self.hub.url, method, path, body, token=self._token, lang=self.lang)

    def _grab(
        self, desk: str, moment: str, langs: Sequence[str] = ("zh", "en"), sizes: Sequence[str] = ("",)
    ) -> None:
        """Pictures of a desk as it stands now, in both languages, then back to the shift's own."""
        if self._few:
            before = sum(name.startswith(f"{desk}-") for name in self._screens)
            langs, sizes = [langs[before % len(langs)]], sizes[:1]
        # another size dresses every widget anew, another language only says other words
        for size in sizes or ("",):
            for lang in langs:
                name = f"{desk}-{moment}-{lang}{'-' + size if size else ''}.png"
                self._desks[desk].ask("grab", file=str(self.files.screens / name), lang=lang, size=size)
                self._screens.append(name)
        self._desks[desk].ask("lang", lang=self.lang)

    # ------------------------------------------------------------------------------------------ steps

    def hub_started(self, step: Step) -> None:
        with held_port() as port:
            health = self._start_hub(port)
        session = call(self.hub.url, "POST", "/v1/sessions", {"user": "admin", "password": PASSWORD})
        self._token = session["token"]
        self._platforms.call_hub(self.hub.url)
        step.detail = {"wire": health["wire"], "db": health["db"]}

    def _start_hub(self, port: int) -> dict[str, Any]:
        config = self.files.data / "hub.toml"
        config.write_text(
            f'[[shop]]\nid = "{SHOP}"\nconnector = "file"\n\n'
            f"{self._platforms.start(f'http://127.0.0.1:{port}')}"
            f'[[user]]\nname = "admin"\nrole = "admin"\npassword = "{PASSWORD}"\n',
            encoding="utf-8",
        )
        config.chmod(0o600)
        self._hub = HubProcess(self.files.data / "hub 张 三", config, port, self.files.logs / "hub.log")
        return self._hub.wait_ready()

    def goods_imported(self, step: Step) -> None:
        items = self._table("items.csv", shop.ITEM_HEADINGS, shop.item_rows())
        waybills = self._table("waybills.csv", shop.WAYBILL_HEADINGS, shop.waybill_rows(self.seed))
        self._import(items, "items")
        self._import(waybills, "waybills")
        for *_, sku, barcode in ((r[0], r[5]) for r in shop.item_rows() if r[6] == 1):
            self._scans[str(sku)] = {"barcode": str(barcode)}
        step.detail = {"items": len(self._scans)}

    def orders_imported(self, step: Step) -> None:
        rows = shop.order_rows(_today(), self.seed)
        orders = self._table("orders.csv", shop.ORDER_HEADINGS, rows)
        self._import(orders, "orders")
        first = self._count()
        self._import(orders, "orders")
        again = self._count()
        if first != again or not first:
            raise StepFailed(f"the same file twice gave {first}, then {again} orders")
        step.detail = {"rows": len(rows), "orders": first}

    def _table(self, name: str, headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
        path = self.files.data / name
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            table = csv.writer(file)
            table.writerow(headings)
            table.writerows(rows)
        return path

    def _import(self, path: Path, kind: str) -> None:
        words = (
            "import",
            str(path),
            "--kind",
            kind,
            "--shop",
            SHOP,
            "--hub",
            self.hub.url,
            "--lang",
            self.lang,
        )
        done = run_command(*words, token=self._token)
        if done.returncode:
            raise StepFailed(f"import of {path.name}: {done.stderr.strip() or done.stdout.strip()}")

    def _count(self) -> int:
        found, after = 0, ""
        while True:
            page = self._api("GET", f"/v1/orders?q=&limit=200&after={after}")
            found += len(page["orders"])
            after = page["next"]
            if not after:
                return found

    def desks_opened(self, step: Step, offscreen: bool = True) -> None:
        for kind in DESKS:
            folder = self.files.data / f"station {kind}"
            log = self.files.logs / f"{kind}.log"
            self._desks[kind] = Desk(kind, self.hub.url, folder, log, self.lang, offscreen)
        for kind, desk in self._desks.items():
            code = self._api("POST", "/v1/pairing_codes", {"kind": kind, "warehouse": "main"})["code"]
            desk.ask("pair", 120, hub=self.hub.url, code=code, name=_NAMES[kind])
        self._desks["packing"].ask("printer", address=f"tcp:127.0.0.1:{self._printer.port}")
        step.detail = {"desks": list(self._desks)}

    def orders_at_the_bench(self, step: Step) -> None:
        began = time.monotonic()
        state = self._desks["packing"].ask("wait", queue_at_least=PACKED + SLIPS, seconds=20)
        step.detail = {"queue": state["queue"], "after_s": round(time.monotonic() - began, 3)}

    def platforms_sell(self, step: Step) -> None:
        """Paid on two platforms: at the bench by themselves; a refund asked and a cancel there stop them here."""
        before = self._desks["packing"].ask("state")["queue"]
        began = time.monotonic()
        theirs = [order.order_no for order in self._platforms.pdd_book.buy(2)]
        theirs += [order.order_no for order in self._platforms.douyin.book.buy(1)]
        for channel_order_no in theirs:
            _until(partial(self._sold, channel_order_no), 30, f"{channel_order_no} did not come in")
        self._desks["packing"].ask("wait", queue_at_least=before + len(theirs), seconds=20)
        at_the_bench_s = round(time.monotonic() - began, 3)
        refunded, cancelled = theirs[0], theirs[-1]
        self._platforms.pdd_book.ask_refund(refunded)
        self._platforms.douyin.book.cancel(cancelled)
        for no in (refunded, cancelled):
            _until(
                partial(self._sold, no), 30, f"{no} was not stopped", lambda found: bool(found["is_frozen"])
            )
        step.detail = {"orders": theirs, "at_the_bench_s": at_the_bench_s}

    def _sold(self, channel_order_no: str) -> dict[str, Any]:
        found = self._api("GET", f"/v1/orders?q={channel_order_no}")["orders"]
        return dict(found[0]) if found else {}

    def slips_printed(self, step: Step) -> None:
        bench = self._desks["packing"]
        began = time.monotonic()
        bench.ask("print_next", count=SLIPS)
        _until(lambda: self._printer.papers, 20, "no slip came out of the printer")
        first_after_s = round(time.monotonic() - began, 3)
        _until(lambda: len(self._printer.papers) >= SLIPS, 20, "the slips did not come out of the printer")
        all_after_s = round(time.monotonic() - began, 3)
        if self._printer.sender_faults:
            raise StepFailed(f"the printer did not understand: {self._printer.sender_faults[0]}")
        for n, paper in enumerate(self._printer.papers[:SLIPS], start=1):
            paper.save(self.files.papers, f"slip-{n:02d}")
        pictures = sorted(self.files.papers.glob("slip-*.png"))
        decoded = run_command("decode", *(str(p) for p in pictures))
        if decoded.returncode or len(decoded.stdout.splitlines()) != SLIPS:
            raise StepFailed(f"the slips could not be read: {decoded.stderr.strip()}")
        for line in decoded.stdout.splitlines():
            found = json.loads(line)
            codes = [c["text"] for c in found["codes"] if c["text"].startswith("S1")]
            if not codes:
                raise StepFailed(f"no code of ours can be read on {found['file']}")
            self._slips.append({
                "paper": Path(found["file"]).name,
                "code": codes[0],
                "parcel_no": codes[0][2:-4],
            })
        bench.ask("wait", pending_at_most=0, seconds=20)
        step.detail = {"slips": len(self._slips), "first_after_s": first_after_s, "all_after_s": all_after_s}

    def parcels_packed(self, step: Step) -> None:
        bench = self._desks["packing"]
        told_wrong = False
        for slip in self._slips[:PACKED]:
            self._scan(slip["code"], "opened")
            lines = self._lines_to_scan(slip["parcel_no"])
            if not told_wrong:
                wrong = next(s for s in self._scans if s not in {sku for sku, _ in lines})
                refused = bench.ask("scan", text=self._scans[wrong]["barcode"])
                if refused["result"] != "wrong_item":
                    raise StepFailed(f"a wrong article was not refused: {refused}")
                self._grab("packing", "wrong-item")
                told_wrong = True
            for sku, qty in lines:
                for _ in range(qty):
                    self._scan(self._scans[sku]["barcode"], "counted", "complete")
            over = bench.ask("scan", text=self._scans[lines[0][0]]["barcode"])
            if over["result"] != "over_quantity":
                raise StepFailed(f"one too many was not refused: {over}")
            self._close()
        bench.ask("wait", pending_at_most=0, seconds=20)
        step.detail = {"parcels": PACKED}

    def _lines_to_scan(self, parcel_no: str) -> list[tuple[str, int]]:
        order = self._api("GET", f"/v1/orders/{parcel_no[:-2]}")
        skus = {line["line_no"]: line["sku_code"] for line in order["lines"]}
        parcel = next(p for p in order["parcels"] if p["parcel_no"] == parcel_no)
        return [(skus[pl["line_no"]], pl["qty"]) for pl in parcel["lines"]]

    def _scan(self, text: str, *done: str) -> None:
        self._expect(_patiently(partial(self._desks["packing"].ask, "scan", text=text)), *done)

    def _close(self) -> None:
        self._expect(_patiently(partial(self._desks["packing"].ask, "close")), "closed")

    @staticmethod
    def _expect(outcome: dict[str, Any], *done: str) -> None:
        if outcome.get("done") not in done:
            raise StepFailed(
                f"expected {done}, the screen says {outcome.get('result') or outcome.get('done')}"
            )

    def cancel_stops_the_hand(self, step: Step) -> None:
        bench, rep = self._desks["packing"], self._desks["service"]
        slip = self._slips[PACKED]
        order_no = slip["parcel_no"][:-2]
        lines = self._lines_to_scan(slip["parcel_no"])
        if self.cancel_at != "queued":
            self._scan(slip["code"], "opened")
        if self.cancel_at in ("scanning", "packed"):
            self._scan(self._scans[lines[0][0]]["barcode"], "counted", "complete")
        if self.cancel_at == "packed":
            for n, (sku, qty) in enumerate(lines):
                for _ in range(qty - (n == 0)):
                    self._scan(self._scans[sku]["barcode"], "counted", "complete")
            self._close()
        bench.ask("wait", pending_at_most=0, seconds=20)
        asked = rep.ask("cancel", order_no=order_no, reason="buyer", note="买家拍错了，申请取消")
        red = bench.ask("wait", alarm=order_no, seconds=20)
        self._grab("packing", "alarm", sizes=("1366x768", "1920x1080"))
        refused = bench.ask("scan", text=self._scans[lines[0][0]]["barcode"])
        if refused["result"] != "frozen":
            raise StepFailed(f"a scan went through while the bench was red: {refused}")
        self._grab("supervisor", "stop")
        self._grab("service", "stop")
        bench.ask("ack")
        bench.ask("wait", alarm="", seconds=20)
        result = "trying" if self.cancel_at == "packed" else "stopped"
        answer = rep.ask("wait", answer=[order_no, result], seconds=20)
        self._cancel = {
            "order_no": order_no,
            "stage": self.cancel_at,
            "asked_at": asked["at"],
            "red_at": red["red_at"],
            "red_after_ms": round((red["red_at"] - asked["at"]) * 1000, 1),
            "intercept_result": answer["answer"],
        }
        step.detail = {"red_after_ms": self._cancel["red_after_ms"], "answer": answer["answer"]}

    def parcels_handed_over(self, step: Step) -> None:
        bench = self._desks["packing"]
        bench.ask("mode", mode="handover")
        for slip in self._slips[:PACKED]:
            self._scan(slip["code"], "handed_over")
        self._grab("packing", "handover")
        bench.ask("mode", mode="packing")
        bench.ask("wait", pending_at_most=0, seconds=20)
        for slip in self._slips[:PACKED]:
            order = self._api("GET", f"/v1/orders/{slip['parcel_no'][:-2]}")
            parcel = next(p for p in order["parcels"] if p["parcel_no"] == slip["parcel_no"])
            if parcel["state"] != "handed_over":
                raise StepFailed(f"{slip['parcel_no']} is {parcel['state']}, not handed over")
            self._handed_over.append({
                "parcel_no": slip["parcel_no"],
                "carrier": parcel["carrier"],
                "waybill_no": parcel["waybill_no"],
            })
        step.detail = {"parcels": len(self._handed_over)}

    def courier_tells(self, step: Step) -> None:
        waybills = [(p["waybill_no"], p["carrier"]) for p in self._handed_over]
        if not all(number for number, _ in waybills):
            raise StepFailed("a handed-over parcel has no waybill number")
        source = self._platforms.couriers
        told = []
        for number, company in waybills:
            _until(
                lambda: source.subscriptions,
                30,
                f"the hub never subscribed {number}",
                partial(_holds, number),
            )
            source.carry(Waybill(number, company), self.seed, Manners(pace_s=1))
            told += source.tell(number)
        refused = [push for push in told if not push.is_taken]
        if refused:
            raise StepFailed(f"the hub refused {len(refused)} pushes of the courier")
        step.detail = {"nodes": len(told)}

    def rep_answers(self, step: Step) -> None:
        rep = self._desks["service"]
        parcel = self._handed_over[0]
        order_no = parcel["parcel_no"][:-2]
        began = time.monotonic()
        shown = rep.ask("find", text=parcel["waybill_no"], expect=order_no, seconds=20)
        seconds = time.monotonic() - began
        story = _until(
            lambda: self._api("GET", f"/v1/orders/{order_no}/story"), 20, "the hub tells no story", _has_nodes
        )
        self._story = [{k: entry[k] for k in ("at", "kind", "text", "source")} for entry in story]
        kinds = [entry["kind"] for entry in story]
        missing = [k for k in _TOLD if k not in kinds]
        if missing:
            raise StepFailed(f"the story lacks {', '.join(missing)}")
        rep.ask("wait", story_at_least=len(kinds), seconds=20)
        self._answer = {
            "order_no": order_no,
            "found_after_ms": round(seconds * 1000, 1),
            "lines": shown["lines"],
        }
        self._grab("service", "story", sizes=("1366x768", "1920x1080"))
        step.detail = {"entries": len(kinds), "found_after_ms": self._answer["found_after_ms"]}

    def screens_taken(self, step: Step) -> None:
        sizes = ("1366x768", "1920x1080", "1093x614")
        self._grab("packing", "waiting", sizes=sizes)
        self._scan(self._slips[PACKED + 1]["code"], "opened")
        lines = self._lines_to_scan(self._slips[PACKED + 1]["parcel_no"])
        self._scan(self._scans[lines[0][0]]["barcode"], "counted", "complete")
        self._grab("packing", "open", sizes=sizes)
        self._grab("supervisor", "end", sizes=sizes)
        self._grab("service", "end", sizes=sizes)
        step.detail = {"pictures": len(self._screens)}


#: Where a parcel is that the courier has.
_LEFT = frozenset({"handed_over", "in_transit", "delivered"})
_NAMES = {"packing": "打包台 1", "supervisor": "主管台", "service": "客服台"}
#: What the story of a parcel on its way must tell.
_TOLD = (
    "received",
    "released",
    "slip_printed",
    "opened",
    "line_packed",
    "parcel_closed",
    "handed_over",
    "track_node",
)


def _has_nodes(story: Any) -> bool:
    return any(entry["kind"] == "track_node" for entry in story)


def _holds(wanted: str, numbers: Any) -> bool:
    return wanted in numbers


def _today() -> date:
    """The business day in China."""
    return datetime.now(ZoneInfo("Asia/Shanghai")).date()


def _patiently(act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """As a packer does where the hub took too long over its word: the same once more."""
    end = time.monotonic() + 20
    while (outcome := act()).get("result") == "hub_unreachable" and time.monotonic() < end:
        time.sleep(0.2)
    return outcome


def _until(
    look: Callable[[], Any], seconds: float, otherwise: str, enough: Callable[[Any], bool] = bool
) -> Any:
    """Looks again and again until ``enough``; StepFailed with ``otherwise`` when it never was."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        if enough(seen):
            return seen
        if time.monotonic() > end:
            raise StepFailed(otherwise)
        time.sleep(0.05)
