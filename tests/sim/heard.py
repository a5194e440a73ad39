"""P3 of the fast lane: what a station has heard stands on its screen until a row as new has come."""

from __future__ import annotations

from app.store.cache import Cache
from app.wire import Urgent
from tests.sim.looks import Broken
from tests.sim.station import SimStation


class Heard:
    """What stations heard ahead of its row. Looked at as it is heard, after each page and after each step: between
    two steps a stop may be gone and back, and a slip printed meanwhile.
    """

    def __init__(self) -> None:
        self._waits: dict[tuple[str, str], Urgent] = {}

    def hears(self, station: SimStation, urgent: Urgent) -> None:
        key = station.name, urgent.order_no
        known = self._waits.get(key)
        if known is None or known.epoch != urgent.epoch or known.seq < urgent.seq:
            self._waits[key] = urgent
        self.look(station)

    def look(self, station: SimStation) -> None:
        for key, urgent in list(self._waits.items()):
            if key[0] == station.name and _is_over(station.core.cache, urgent):
                del self._waits[key]
            elif key[0] == station.name:
                _stands(station, urgent)

    def forget(self, station: SimStation) -> None:
        """The program ended: what was not on the disk yet is forgotten, the row will tell."""
        for key in [key for key in self._waits if key[0] == station.name]:
            del self._waits[key]


def _is_over(cache: Cache, urgent: Urgent) -> bool:
    """The row has come, or the numbers of another life of the hub count."""
    seq = _row_seq(cache, urgent.order_no)
    is_of_this_life = urgent.epoch in (cache.shown.epoch, cache.cursor.epoch) or not cache.cursor.epoch
    return not is_of_this_life or (
        cache.shown.epoch == urgent.epoch and seq is not None and seq >= urgent.seq
    )


def _row_seq(cache: Cache, order_no: str) -> int | None:
    query = 'SELECT seq FROM "order" WHERE order_no = ?'
    row = cache.read(lambda db: db.execute(query, (order_no,)).fetchone())
    return int(row[0]) if row else None


def _stands(station: SimStation, urgent: Urgent) -> None:
    core = station.core
    shown = core.read.order(urgent.order_no)
    if shown is None or core.cache.shown.epoch != urgent.epoch:
        return
    if core.outbox.pending_of(urgent.order_no):
        return  # own work lies on top
    if {stop.stop_id for stop in shown.stops} != {stop.stop_id for stop in urgent.stops}:
        raise Broken(
            f"P3: {station.name} heard of the stops of {urgent.order_no} at once and lost them before their row came"
        )
