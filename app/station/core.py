"""One station: its files, its wire and its desks, joined. No Qt, no network code (both are handed in)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from app.core.freeze import Rules
from app.ports import Clock, Dice, Engine, HubApi, HubAway, NewId
from app.ports import dice as real_dice
from app.station import keepsake
from app.station.alarms import AlarmWatch, StationAlarm
from app.station.asking import Asking
from app.station.badges import BadgeRead, Badges
from app.station.bench import Bench, Identity, SignedOn
from app.station.chores import Chores
from app.station.intake import IntakeDesk
from app.station.leasing import LeaseKeeper
from app.station.myday import MyDays
from app.station.needs import NeedsDesk
from app.station.outcome import Outcome
from app.station.packing import PackingDesk
from app.station.printwork import PrintWork, Render
from app.station.proofs import Proofs
from app.station.rights import Rights, RightsWatch
from app.station.service import ServiceDesk
from app.station.shops import ShopsDesk
from app.station.status import CatchUp, StripFacts, StripItem, strip
from app.station.supervisor import SupervisorDesk
from app.store.cache import Cache
from app.store.leases import LeaseBook
from app.store.link import Connect, Link, LinkParts, Pair
from app.store.outbox import Outbox
from app.store.readmodel import ReadModel
from app.store.siterules import SiteBook
from app.store.status import SyncStatus
from app.wire import Beat, PrinterReport, Rows, Session, SignIn, StationKind

#: A packing station's copy at most (design 7): it stands on old computers with small disks.
PACKING_CACHE_BYTES = 200_000_000


class StationCore:
    """See the text of :mod:`app.station` for threads and topics."""

    def __init__(
        self,
        data_dir: Path,
        *,
        kind: StationKind,
        connect: Connect,
        pair: Pair,
        clock: Clock,
        new_id: NewId,
        rules: Rules = Rules(),  # noqa: B008 - frozen
        dice: Dice = real_dice,
        cache_of: type[Cache] = Cache,
        outbox_of: type[Outbox] = Outbox,
    ) -> None:
        """Opens both files. Raises StoreTrouble (one sentence, nothing touched) when the outbox cannot be used.

        ``clock.monotonic`` must go on while the computer sleeps (``app.os.clock``). ``cache_of`` and ``outbox_of``:
        a stepped world brings stores that write in its own time.
        """
        data_dir.mkdir(parents=True, exist_ok=True)
        self._data_dir = data_dir
        self._connect = connect
        self._pair = pair
        self._clock = clock
        self._dice = dice
        self._asked_kind = kind
        self._changed_listeners: list[Callable[[frozenset[str]], None]] = []
        self._outcome_listeners: list[Callable[[Outcome], None]] = []
        self._engine_listeners: list[Callable[[], None]] = []
        self._printers: Sequence[PrinterReport] = ()
        self._scanner: bool | None = None
        self._scale: bool | None = None
        self._catch_up = CatchUp()
        self._link: Link | None = None
        self._lost_lock = threading.Lock()
        self.notices: list[str] = []
        self.lang = "zh"

        self.cache = cache_of(data_dir / "cache.sqlite")
        try:
            self.outbox = outbox_of(data_dir / "outbox.sqlite", channel_ref=self.cache.channel_ref)
        except BaseException:
            self.cache.close()
            raise
        self.status = SyncStatus()
        self.bench = Bench(self.outbox, self.status, clock, new_id)
        self.leases = LeaseBook(clock)
        self._site = SiteBook(self.cache, rules)
        self.read = ReadModel(self.cache, self.outbox, self._site.rules, self.leases, self.bench.actor)
        self.alarms = AlarmWatch(self.bench, self.read, self.outbox, self.leases)
        self._keeper = LeaseKeeper(self.bench, self.leases, self._moved_to)
        self.proofs = Proofs(data_dir / "proofs")
        self._chores = Chores(self.cache, self.outbox, self.alarms, self.proofs)
        asking = Asking(self.bench, self.outbox)
        self.packing = PackingDesk(
            self.bench, self.read, self._keeper, self.leases, self.alarms, self._site.rules
        )
        self.supervisor = SupervisorDesk(self.bench, self.read, asking)
        self.needs = NeedsDesk(self.bench, self.outbox, self.read)
        self.service = ServiceDesk(self.bench, self.read, asking)
        self.shops = ShopsDesk(self.bench)
        self.intake = IntakeDesk(self.bench)
        self.badges = Badges(self.bench, self._sign_in, self.sign_out, self._greet)
        self._rights = RightsWatch(self.bench, self.badges)
        self.my_days = MyDays(self.bench, self.zone)
        self._join()

    def _join(self) -> None:
        if self.cache.was_damaged:
            self.notices.append("store.cache_damaged")
        self.status.loading_anew(self.cache.is_filling_anew)
        self.status.cut(self.cache.is_cut)
        self.outbox.passed(self.cache.shown, self.read.is_late)
        self.outbox.on_changed(self._kept)
        self.cache.on_lost(self._cache_lost)
        self.status.on_changed(lambda: self._tell(frozenset({"status"})))
        self.packing.on_changed(lambda: self._tell(frozenset({"desk"})))
        self.packing.on_outcome(self._said)
        self.packing.came_ahead = self._ahead
        self._chores.learn = self.packing.weighing.learn
        self.packing.weighing.wake = self._chores.wake
        self._rights.changed = lambda: self._tell(frozenset({"rights"}))
        self._rights.ended = self._session_ended
        if (identity := keepsake.read(self._data_dir)) is not None:
            self._use(identity)

    # ---------------------------------------------------------------------------------- listening

    def on_changed(self, call: Callable[[frozenset[str]], None]) -> None:
        """``call`` with topics, from any thread."""
        self._changed_listeners.append(call)

    def on_alarm(
        self, call: Callable[[StationAlarm | None], None], let_pass: Callable[[], object] = lambda: None
    ) -> None:
        """``call`` when the bench goes red or is free again, from any thread, before anything else is done.

        ``let_pass`` is called after it and before the paperwork, from the same thread.
        """
        self.alarms.on_alarm(call)
        self.alarms.let_pass = let_pass

    def on_outcome(self, call: Callable[[Outcome], None]) -> None:
        """``call`` with later words about an outcome, from any thread."""
        self._outcome_listeners.append(call)

    def on_engines(self, call: Callable[[], None]) -> None:
        """``call`` when :meth:`engines` gives others: paired anew, or revoked."""
        self._engine_listeners.append(call)

    def _kept(self, topics: frozenset[str]) -> None:
        if {"print", "outbox"} <= topics:  # a paper came out: that fact was made by the queue, not by a desk
            self.bench.push_soon()
        self._tell(topics)

    def _tell(self, topics: frozenset[str]) -> None:
        for listener in self._changed_listeners:
            listener(topics)

    def _said(self, outcome: Outcome) -> None:
        for listener in self._outcome_listeners:
            listener(outcome)

    # ---------------------------------------------------------------------------------- who we are

    @property
    def identity(self) -> Identity | None:
        return self.bench.identity

    @property
    def kind(self) -> StationKind:
        return self.identity.kind if self.identity else self._asked_kind

    @property
    def person(self) -> str:
        """Who is signed on, or greeted while the hub cannot look at their badge; empty: the station acts as itself."""
        return self.bench.person.name if self.bench.person else ""

    @property
    def is_unchecked(self) -> bool:
        """Whether somebody is here whose badge the hub has yet to look at: the station acts as itself meanwhile."""
        return self.bench.person is not None and not self.bench.person.is_checked

    @property
    def role(self) -> str:
        return self.bench.person.role if self.bench.person else ""

    @property
    def rights(self) -> Rights:
        """What may be done here now, as the hub last told it; topic ``rights`` says when it is something else."""
        return self._rights.rights

    def zone(self, warehouse: str = "") -> ZoneInfo:
        """Where clocks are read: in this warehouse, or in our own. Topic ``setting`` says when it may be another."""
        own = self.identity.warehouse if self.identity else ""
        return self._site.zone(warehouse or own)

    @property
    def hub(self) -> HubApi | None:
        """The hub's further doors; None before pairing."""
        return self.bench.hub

    async def pair(self, hub_url: str, code: str, name: str) -> Identity:
        """Joins a hub with a code. Raises HubTrouble. The copy of another hub is dropped, the outbox is kept.

        The address may end in ``#`` and the fingerprint of the hub's certificate, as the hub shows it.
        """
        joined = await self._pair(hub_url, code, name, self.lang)
        paired = joined.paired
        identity = Identity(
            hub_url=joined.hub_url,
            station_id=paired.station_id,
            name=name,
            kind=paired.kind,
            warehouse=paired.warehouse,
            token=paired.token,
            ca_pem=joined.ca_pem,
            addresses=tuple(paired.addresses),
        )
        await self._unlink()
        self.cache.start_over()
        self._site.forget()
        self.badges.forget()
        keepsake.write(self._data_dir, identity)
        self.status.needs("")
        self._use(identity)
        self._engines_changed()
        return identity

    def _use(self, identity: Identity) -> None:
        parts = LinkParts(
            cache=self.cache,
            outbox=self.outbox,
            status=self.status,
            clock=self._clock,
            dice=self._dice,
            changed=self._fed,
            beat=self._beat,
            revoked=self._revoked,
            lang=lambda: self.lang,
            addresses=identity.addresses,
            told_addresses=self._told_addresses,
        )
        self.bench.identity = identity
        self.cache.keep_below(PACKING_CACHE_BYTES if identity.kind == "packing" else None)
        self._link = self._connect(identity.hub_url, identity.token, parts, identity.ca_pem)
        self.bench.hub = self._link.hub
        self.bench.push_soon = self._link.push_soon
        self._rights.ask()

    def _told_addresses(self, addresses: Sequence[str]) -> None:
        """Kept, so that the hub is found after a restart also where the one we joined is gone."""
        if (identity := self.identity) is not None and identity.addresses != tuple(addresses):
            self.bench.identity = replace(identity, addresses=tuple(addresses))
            keepsake.write(self._data_dir, self.bench.identity)

    async def _unlink(self) -> None:
        link, self._link = self._link, None
        self.bench.hub = None
        self.leases.clear()
        if link is not None:
            await link.close()

    def _revoked(self) -> None:
        """The hub no longer knows our token: the copy goes, the outbox stays until we are paired again."""
        keepsake.forget(self._data_dir)
        self.leases.clear()
        self.cache.start_over()
        self._site.forget()
        self.bench.person, self.outbox.session = None, ""
        self._tell(frozenset({"order", "status", "desk"}))

    def _engines_changed(self) -> None:
        for listener in self._engine_listeners:
            listener()

    async def sign_in(self, user: str, password: str) -> Session:
        """Signs a person on. Raises HubTrouble."""
        return await self._sign_in(SignIn(user=user, password=password))

    async def badge(self, secret: str) -> BadgeRead:
        """A badge was scanned: its person signs on, takes over, or signs off again. Raises HubTrouble."""
        return await self.badges.scanned(secret)

    def _greet(self, person: SignedOn) -> None:
        self.bench.person = person
        self._rights.ask()
        self._tell(frozenset({"person", "status"}))

    async def _sign_in(self, who: SignIn) -> Session:
        if self.bench.hub is None:
            raise HubAway
        session = await self.bench.hub.sign_in(who)
        self.bench.person = SignedOn(name=session.user or who.user, role=session.role)
        self.outbox.session = session.token
        self._rights.signed_on(session)
        self._tell(frozenset({"person", "status"}))
        return session

    def _session_ended(self) -> None:
        """The hub has ended it (another role, a new password, too long ago): the station acts as itself again."""
        self.bench.person, self.outbox.session = None, ""
        self._rights.ask()
        self._tell(frozenset({"person", "session_ended", "status"}))

    async def sign_out(self) -> None:
        """The station acts as itself again."""
        self.bench.person, self.outbox.session = None, ""
        try:
            if self.bench.hub is not None:
                await self.bench.hub.sign_out()
        finally:
            self._rights.ask()
            self._tell(frozenset({"person", "status"}))

    # ---------------------------------------------------------------------------------- work

    def engines(self) -> list[Engine]:
        """What the background loop has to step."""
        return [*(self._link.engines if self._link else ()), self._keeper, self._chores, self._rights]

    def print_work(self, render: Render) -> PrintWork:
        """What a spooler needs of this station; its store is :attr:`outbox`."""
        return PrintWork(self.bench, self.read, self.packing, render)

    def report_printers(self, printers: Sequence[PrinterReport]) -> None:
        """What the spoolers last heard of their devices."""
        if list(printers) != list(self._printers):
            self._printers = tuple(printers)
            self._tell(frozenset({"print", "status"}))

    def report_scanner(self, is_there: bool | None) -> None:
        """A scanner on a port of its own came or went; None where nothing is known (keyboard scanners)."""
        if is_there != self._scanner:
            self._scanner = is_there
            self._tell(frozenset({"status"}))

    def report_scale(self, is_there: bool | None) -> None:
        """The scale came or went; None where none is turned on."""
        self.packing.weighing.turn(is_there is not None)
        if is_there is False:
            self.packing.weighing.lost()
        if is_there != self._scale:
            self._scale = is_there
            self._tell(frozenset({"status"}))

    def strip(self, now: datetime) -> list[StripItem]:
        """The honest strip."""
        facts = StripFacts(
            sync=self.status.facts,
            is_paired=self.identity is not None,
            waiting=self.outbox.pending_count(),
            oldest=self.outbox.oldest_pending(),
            needing=len(self.outbox.needs_person()),
            printers=self._printers,
            scanner=self._scanner,
            scale=self._scale,
            catch_up_s=self._catch_up.left_s(self.status.facts, now),
        )
        return strip(facts, now)

    def _beat(self, now: datetime) -> Beat:
        return Beat(
            seq_seen=self.cache.shown.seq,
            waiting_acts=self.outbox.pending_count(),
            oldest_waiting_at=self.outbox.oldest_pending(),
            printers=list(self._printers),
            clock=now,
            sign_on="" if self.is_unchecked else self.person,
            resent_to=self._spoken_to(),
        )

    def _spoken_to(self) -> str:
        """The hub's life that has heard all it may have lost: acts sent again, leases asked for again."""
        epoch = self.outbox.epoch
        if not self._keeper.owes(epoch):
            return epoch
        self._keeper.wake()
        return ""

    async def close(self) -> None:
        """Lets go of wire and files; what waits is on disk."""
        await self._keeper.farewell()
        await self._unlink()
        self.close_files()

    def close_files(self) -> None:
        """The same where no loop runs any more."""
        self.outbox.close()
        self.cache.close()

    # ---------------------------------------------------------------------------------- fed

    def _fed(self, topics: frozenset[str]) -> None:
        """The copy has changed: alarms first, then leases, then screens."""
        if "setting" in topics:
            self._site.forget()
        self.outbox.passed(self.cache.shown, self.read.is_late)
        named = {topic.removeprefix("order:") for topic in topics if topic.startswith("order:")}
        now = self._clock.now()
        if named:
            self.alarms.check(sorted(named), now)
        elif "order" in topics:
            self.alarms.check_all(now)
        if "order" in topics:
            self._look_at_leases(named)
            self._chores.wake()
        self._tell(topics)

    def _ahead(self, rows: Rows) -> None:
        """An order that was needed before its page came: shown, and alarmed about, like any that was fed."""
        if topics := self.cache.put_ahead(rows):
            self._fed(topics)

    def _look_at_leases(self, order_nos: Collection[str]) -> None:
        """At those of these orders; none named means many. A bench may hold two hundred while pages come and come."""
        for parcel_no in self.leases.held():
            if not order_nos or parcel_no[:-2] in order_nos:
                self._keeper.look(parcel_no)

    def _moved_to(self, parcel_no: str) -> str | None:
        """The station that has the parcel now, where a lease of ours ended with that."""
        order_no = self.read.parcel_order_no(parcel_no)
        epoch = self.cache.shown.epoch
        fed = self.read.fed(order_no) if order_no else None
        parcel = fed[0].parcel(parcel_no) if fed else None
        if fed is None or parcel is None:
            return None
        return parcel.holder if self.leases.seen(parcel, fed[1], epoch, self.bench.station_id) else None

    def _cache_lost(self) -> None:
        with self._lost_lock:
            self.notices.append("store.cache_damaged")
        self._site.forget()
        self._tell(frozenset({"order", "setting", "status"}))
