"""What every desk is given: look and words, the station's core, work off the window's thread, a place to speak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.station.core import StationCore
from app.station.outcome import Outcome
from ui.kit import Kit
from ui.present.packing import Bench
from ui.present.words import Words
from ui.widgets.message_bar import MessageBar
from ui.work import Work


@dataclass(frozen=True, slots=True)
class Room:
    """``hear`` plays what belongs to an outcome; ``trouble`` says an error of the surroundings in the message bar;
    ``open_import`` shows the page that brings files in."""

    kit: Kit
    core: StationCore
    work: Work
    bar: MessageBar
    hear: Callable[[Outcome], None]
    trouble: Callable[[Exception], None]
    open_import: Callable[[], None]

    def words(self) -> Words:
        return self.kit.i18n.words

    def now(self) -> datetime:
        return self.kit.ticker.now()

    def has_orders(self) -> bool:
        """Whether this station holds any order: before the first one, screens say how it comes."""
        return bool(self.core.read.search("", 1))

    def bench(self, skus: frozenset[str] = frozenset()) -> Bench:
        """This station, the names of the others, and the articles asked for."""
        identity = self.core.identity
        names = {station.station_id: station.name for station in self.core.read.stations()}
        items = {sku: item for sku in skus if (item := self.core.read.item(sku)) is not None}
        return Bench(identity.station_id if identity else "", names, items)
