"""Signed pushes of kuaidi100 go the whole way: signature checked, form and JSON read, each node's kind, time and words
found, phones masked, merged into the parcel's track, the order's state moved on, history written, raw pieces sealed,
committed to SQLite (WAL, synchronous FULL) and answered; 64 on their way at a time, as a courier source sends them.
The reference is a plain `json.loads` of the same texts and a look at every node: what reading costs at the least.
A node counts as often as it is told: real pushes carry all nodes so far, so most of them are known by then.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import httpx
from sqlalchemy import Engine

from app.core.acts import Actor
from app.ports import SystemClock, Ulid
from app.wire import Envelope
from benchmarks.make import channel_orders
from benchmarks.report import Figure
from hub.config import Carrier
from hub.connectors.line.courier_sources import open_sources
from hub.connectors.line.tracks import Tracks
from hub.db.engine import open_database
from hub.orders.lookup import Lookup
from hub.orders.settings import LineSettings
from hub.orders.writer import Writer
from hub.vault import Vault

TITLE = "Courier nodes"
AT_ONCE = 64
ROUNDS = 3
SALT = "salt"
_BY = Actor(name="bench", role="admin", station_id="bench-1", source="station:bench-1")
_STEPS = (
    ("101", "已下单", "商家已下单"),
    ("102", "待揽收", "揽收任务已分配给李某某，电话：13800001111"),
    ("103", "已揽收", "【杭州市】西溪营业部 李某某 已揽收，电话：13800001111"),
    ("0", "在途", "【杭州市】快件已离开 西溪营业部，发往 杭州转运中心"),
    ("1002", "干线", "【杭州市】快件已到达 杭州转运中心"),
    ("1002", "干线", "【杭州市】快件已离开 杭州转运中心，发往 苏州分拨中心"),
    ("1001", "到达派件城市", "【苏州市】快件已到达 平江路网点"),
    ("5", "派件", "【苏州市】平江路网点 的 周某某 正在派件，电话：13800002222"),
    ("501", "投柜或驿站", "【苏州市】快件已暂存至平江路菜鸟驿站，如有疑问请联系13800002222"),
    ("304", "投柜或站签收", "【苏州市】已签收，签收人凭取货码签收"),
)


@dataclass(frozen=True, slots=True)
class _Pushes:
    what: str
    bodies: Sequence[bytes]
    nodes: int


def run(quick: bool = False) -> list[Figure]:
    parcels = 200 if quick else 1_000
    figures = []
    for pushes in (
        _made("whole journeys of 10 nodes, a push each", parcels, [10]),
        _made("node by node, each push with all so far", parcels // 4, range(1, 11)),
    ):
        ours, plain = [], []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as folder:
                ours.append(pushes.nodes / asyncio.run(_heard(pushes, parcels, Path(folder))))
            plain.append(pushes.nodes / _parsed(pushes))
        ratio = statistics.median(a / b for a, b in zip(ours, plain, strict=True))
        figures.append(
            Figure(
                what=f"{len(pushes.bodies):,} pushes, {pushes.nodes:,} nodes: {pushes.what}",
                ours=f"{statistics.median(ours):,.0f} nodes/s",
                reference=f"{statistics.median(plain):,.0f} nodes/s plain parse",
                ratio=f"{ratio:.3f}",
            )
        )
    return figures


def _number(n: int) -> str:
    return f"YT{n:013d}"


def _made(what: str, parcels: int, lengths: Sequence[int]) -> _Pushes:
    start = SystemClock().now() + timedelta(hours=8)
    bodies = [_body(_number(n), start, length) for length in lengths for n in range(parcels)]
    return _Pushes(what, bodies, parcels * sum(lengths))


def _body(number: str, start: datetime, length: int) -> bytes:
    data: list[dict[str, str]] = []
    for n, (code, word, text) in enumerate(_STEPS[:length]):
        at = (start + timedelta(hours=n)).strftime("%Y-%m-%d %H:%M:%S")
        data.insert(0, {"time": at, "ftime": at, "context": text, "status": word, "statusCode": code})
    result = {"message": "ok", "nu": number, "ischeck": "0", "com": "yuantong", "status": "200", "data": data}
    param = json.dumps({"status": "polling", "lastResult": result}, ensure_ascii=False)
    sign = hashlib.md5((param + SALT).encode(), usedforsecurity=False).hexdigest()
    return urlencode({"sign": sign, "param": param}).encode("ascii")


def _parsed(pushes: _Pushes) -> float:
    """Seconds to read the same texts and look at every node."""
    texts = [parse_qs(body.decode("ascii"))["param"][0] for body in pushes.bodies]
    began, seen = time.perf_counter(), 0
    for text in texts:
        for node in json.loads(text)["lastResult"]["data"]:
            seen += bool(node["context"])
    assert seen == pushes.nodes
    return time.perf_counter() - began


async def _heard(pushes: _Pushes, parcels: int, folder: Path) -> float:
    """Seconds until every push is committed and answered."""
    clock = SystemClock()
    engine = open_database("sqlite:///bench.db", folder, Ulid(clock))
    vault, settings = Vault(bytes(32)), LineSettings()
    writer = Writer(engine, clock, Ulid(clock), vault, settings)
    writer.start(asyncio.get_running_loop())
    carrier = Carrier(connector="kuaidi100", base_url="http://127.0.0.1:9", customer="c", key="k", salt=SALT)
    sources, _ = open_sources([carrier], lambda timeout_s: httpx.AsyncClient(trust_env=False, verify=False))
    tracks = Tracks(engine, writer, Lookup(engine, vault, settings), vault, clock, sources)
    try:
        await _shipped(writer, parcels, clock)
        queue: Iterator[bytes] = iter(pushes.bodies)

        async def send() -> None:
            for body in queue:
                await tracks.push("kuaidi100", body)

        began = time.perf_counter()
        await asyncio.gather(*(send() for _ in range(AT_ONCE)))
        seconds = time.perf_counter() - began
        _check(engine)
        return seconds
    finally:
        await tracks.stop()
        await writer.stop()
        engine.dispose()


async def _shipped(writer: Writer, parcels: int, clock: SystemClock) -> None:
    """Orders whose parcels were handed over with their numbers."""
    new_id = Ulid(clock)
    taken = await writer.intake(list(channel_orders(parcels)), _BY, bulk=True)
    for kind in ("waybill_bound", "handed_over"):
        acts = [
            Envelope(
                act_id=new_id(),
                kind=kind,
                order_no=one.order_no,
                parcel_no=f"{one.order_no}01",
                made_at=clock.now(),
                body={"carrier": "yuantong"}
                | ({"waybill_no": _number(n)} if kind == "waybill_bound" else {}),
            )
            for n, one in enumerate(taken)
        ]
        receipts = await writer.acts(acts, _BY)
        assert all(receipt.outcome != "refused" for receipt in receipts), receipts[0]


def _check(engine: Engine) -> None:
    with engine.connect() as conn:
        rows = conn.exec_driver_sql("SELECT count(*) FROM history WHERE kind = 'track_node'").scalar_one()
        tracks = conn.exec_driver_sql("SELECT count(*) FROM track").scalar_one()
    assert tracks and rows == tracks * len(_STEPS), f"{rows} entries of {tracks} parcels"
