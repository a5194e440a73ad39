"""Small doors that answer with something other than a struct: figures, the surface's own description, the CA."""

from __future__ import annotations

import asyncio

from hub.api.context import Call, Doors
from hub.api.http import ApiError, Receive, Send, answer
from hub.api.metrics import Metrics

_TEXT = [(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")]
_PEM = [(b"content-type", b"application/x-pem-file")]


async def get_metrics(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    metrics = doors.out.metrics
    stations = await asyncio.to_thread(doors.orders.lookup.stations)
    _set(metrics, doors)
    metrics.stations.clear()
    now, lasting = doors.world.clock.now(), doors.world.settings.hub.online_s
    for station in stations:
        beaten = station.last_beat_at
        online = beaten is not None and (now - beaten).total_seconds() <= lasting and not station.is_revoked
        metrics.stations.labels(station.kind, "yes" if online else "no").inc()
    await answer(send, 200, metrics.text(), _TEXT)


def _set(metrics: Metrics, doors: Doors) -> None:
    metrics.seq.set(doors.out.broadcast.head)
    metrics.streams.set(doors.out.broadcast.count)


async def get_ca(doors: Doors, call: Call, receive: Receive, send: Send) -> None:
    """The certificate handhelds and stations are asked to trust; nothing secret."""
    path = doors.world.settings.data_dir / "tls" / "ca.pem"
    if not doors.auth.ca_sha256 or not path.exists():
        raise ApiError(404, "no_tls")
    await answer(send, 200, await asyncio.to_thread(path.read_bytes), _PEM)
