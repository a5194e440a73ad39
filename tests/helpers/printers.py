"""Orders worth printing, a job store in memory, and a clock moved by hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from app.core import texts
from app.core.acts import Act
from app.core.order import Consignee, Item, Order, OrderLine, Parcel, ParcelLine
from app.core.printjob import NEVER_SENT, PrintJob, PrintState, job_key, may_move, printed_act
from app.core.reasons import Refused
from app.core.texts import Lang
from printing.documents import Words

ROOT = Path(__file__).parents[2]
FONT = ROOT / "resources" / "fonts" / "NotoSansSC-Regular.otf"
TEXTS = texts.load(ROOT / "resources" / "texts")
NOW = datetime(2026, 11, 21, 7, 2, tzinfo=UTC)

_GOODS = (
    ("女士纯棉短袖T恤 2026夏季新款宽松百搭圆领打底衫", "红色 / XL", "TS-RED-XL", "A-01-03", 1),
    ("儿童保温杯 316不锈钢带吸管", "500ml 粉色小熊", "CUP-500-PK", "A-10-01", 3),
    ("手机壳", "iPhone 18 Pro 磨砂黑", "CASE-18P-BK", "A-2-11", 1),
    ("USB-C 快充数据线 " + "Extremely-long-name-without-a-break" + "X" * 40, "2m", "CAB-2M", "B-03-02", 12),
    ("䶮牌茶叶 礼盒装", "㛃香 250g", "TEA-㛃", "C-01-01", 2),
    ("袜子", "均码 ℃①×", "SOCK", "C-02-01", 1),
    ("没有货位的商品", "标准", "NOBIN-1", "", 1),
)


def words(lang: Lang = "zh") -> Words:
    return Words(texts=TEXTS, lang=lang, zone=ZoneInfo("Asia/Shanghai"))


def an_order(order_no: str = "OD20261121001", lines: int = 3, parcels: int = 1, **more: Any) -> Order:
    """A paid order in ``parcels`` equal parcels."""
    goods = [_GOODS[n % len(_GOODS)] for n in range(lines)]
    order_lines = tuple(
        OrderLine(
            line_no=n + 1,
            sku_code=sku if n < len(_GOODS) else f"{sku}-{n}",
            title=title,
            spec=spec,
            qty=qty,
            price_fen=1990,
        )
        for n, (title, spec, sku, _bin, qty) in enumerate(goods)
    )
    inside = tuple(ParcelLine(order_no=order_no, line_no=line.line_no, qty=line.qty) for line in order_lines)
    fields: dict[str, Any] = {
        "order_no": order_no,
        "channel": "pdd",
        "shop_id": "pdd-main",
        "channel_order_no": "261121-412345678901234",
        "ship_by_at": datetime(2026, 11, 21, 10, 0, tzinfo=UTC),
        "lines": order_lines,
        "parcels": tuple(
            Parcel(parcel_no=f"{order_no}{n + 1:02d}", carrier="zhongtong", lines=inside)
            for n in range(parcels)
        ),
        "consignee": Consignee(
            name="林**",
            phone="183****2807",
            province="广东省",
            city="深圳市",
            district="南山区",
            address="****",
        ),
    }
    return Order(**(fields | more))


def items_of(order: Order) -> dict[str, Item]:
    """The order's articles with their bins."""
    return {
        line.sku_code: Item(sku_code=line.sku_code, bin=_GOODS[n % len(_GOODS)][3])
        for n, line in enumerate(order.lines)
    }


@dataclass
class HandClock:
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return self.moment.timestamp()

    def pass_(self, **span: float) -> None:
        self.moment += timedelta(**span)


def a_job(n: int = 1, **more: Any) -> PrintJob:
    """The slip of parcel ``n`` of the day."""
    order_no = f"OD20261121{n:03d}"
    parcel_no = order_no + "01"
    fields: dict[str, Any] = {
        "job_id": f"job-{n}",
        "job_key": job_key(parcel_no, "slip", 1),
        "document": "slip",
        "order_no": order_no,
        "parcel_no": parcel_no,
        "printer": "slips",
        "created_at": NOW,
        "expires_at": NOW + timedelta(minutes=30),
    }
    return PrintJob(**(fields | more))


@dataclass
class MemoryJobs:
    """A JobStore as strict as the one on disk."""

    rows: dict[str, PrintJob] = field(default_factory=dict)
    acts: list[Act] = field(default_factory=list)
    moves: list[tuple[str, PrintState, str]] = field(default_factory=list)

    def add(self, *jobs: PrintJob) -> None:
        for job in jobs:
            same = [r for r in self.rows.values() if (r.job_key, r.copy) == (job.job_key, job.copy)]
            assert not [r for r in same if r.state not in NEVER_SENT], f"{job.job_key} copy {job.copy} again"
            self.rows[job.job_id] = job

    def claim_next(self, printer: str, now: datetime) -> PrintJob | None:
        for job in self.jobs(printer, {PrintState.waiting}):
            if job.expires_at > now:
                self._move(job, PrintState.checking_device, job.cause, now)
                return self.rows[job.job_id]
        return None

    def set_state(
        self,
        job_id: str,
        state: PrintState,
        cause: str,
        at: datetime,
        expected: Collection[PrintState],
        act: Act | None = None,
    ) -> bool:
        job = self.rows[job_id]
        if job.state not in expected:
            return False
        if job.state is not state and not may_move(job.state, state):
            return False
        self._move(job, state, cause, at)
        if act is not None:
            self.acts.append(act)
        return True

    def jobs(self, printer: str, states: Collection[PrintState]) -> Sequence[PrintJob]:
        return [job for job in self.rows.values() if job.printer == printer and job.state in states]

    def states(self) -> list[str]:
        return [job.state.value for job in self.rows.values()]

    def _move(self, job: PrintJob, state: PrintState, cause: str, at: datetime) -> None:
        self.rows[job.job_id] = replace(job, state=state, cause=cause, state_at=at)
        self.moves.append((job.job_id, state, cause))


@dataclass
class PlainWork:
    """A Work that prints ``paper[job_id]`` (or a line of text) and lets all go but ``stopped``."""

    papers: dict[str, bytes] = field(default_factory=dict)
    refusals: dict[str, Refused] = field(default_factory=dict)
    stopped: dict[str, Refused] = field(default_factory=dict)

    async def render(self, job: PrintJob) -> bytes | Refused:
        if refused := self.refusals.get(job.job_id):
            return refused
        return self.papers.get(job.job_id, f"\x1b@{job.job_id}\n\x1dV\x00".encode("ascii"))

    async def may_print(self, job: PrintJob) -> Refused | None:
        return self.stopped.get(job.job_id)

    def is_stopped(self, job: PrintJob) -> bool:
        return job.job_id in self.stopped

    def printed(self, job: PrintJob, at: datetime) -> Act | None:
        return printed_act(job, f"act-{job.job_id}", at)
