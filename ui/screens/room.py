"""What every desk is given: look and words, the station's core, work off the window's thread, a place to speak."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from app.core.acts import ActKind
from app.core.values import dataclass
from app.station.core import StationCore
from app.station.outcome import Outcome
from ui.kit import Kit
from ui.present.packing import Bench
from ui.present.words import Words
from ui.say import Say
from ui.widgets.big_button import BigButton
from ui.widgets.message_bar import MessageBar
from ui.work import Work


@dataclass(frozen=True, slots=True)
class Room:
    """``hear`` plays what belongs to an outcome; ``trouble`` says an error of the surroundings in the message bar;
    ``open_import`` shows the page that brings files in, ``open_work`` what was worked on a day."""

    kit: Kit
    core: StationCore
    work: Work
    bar: MessageBar
    hear: Callable[[Outcome], None]
    trouble: Callable[[Exception], None]
    open_import: Callable[[], None]
    open_work: Callable[[], None] = lambda: None

    def words(self) -> Words:
        return self.kit.i18n.words

    def now(self) -> datetime:
        return self.kit.ticker.now()

    def allow(self, button: BigButton, act: ActKind | str) -> None:
        """Leaves a button as it is, or turns it off with the reason, as the hub tells what may be done here now.

        ``act``: a kind of act, or the name of a further call ("import", "ack_alarm"). The hub still decides.
        """
        rights = self.core.rights
        may = rights.may(act) if isinstance(act, ActKind) else rights.may_call(act)
        button.forbid(None if may else self._why_not())

    def _why_not(self) -> Say:
        say, core = self.kit.i18n.say, self.core
        if core.rights.wants_sign_on:
            return say("station.may_sign_on")
        if not core.person:
            return say("station.may_not_here")
        role = self.words().maybe(f"roles.{core.role}", core.role)
        return say("station.may_not", user=core.person, role=role)

    def has_orders(self) -> bool:
        """Whether this station holds any order: before the first one, screens say how it comes."""
        return bool(self.core.read.search("", 1))

    def bench(self, skus: frozenset[str] = frozenset()) -> Bench:
        """This station, the names of the others, and the articles asked for."""
        identity = self.core.identity
        names = {station.station_id: station.name for station in self.core.read.stations()}
        items = {sku: item for sku in skus if (item := self.core.read.item(sku)) is not None}
        return Bench(identity.station_id if identity else "", names, items)
