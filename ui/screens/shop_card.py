"""One shop in full: how it does and why, what can be done about it from here, and what waits at it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QSizePolicy, QVBoxLayout, QWidget

from app.ports import HubTrouble
from app.station.shops import ShopLists
from app.wire import MissedTaken, ShopChecked, ShopView
from ui.kit import Kit
from ui.present import states
from ui.present.couriers import connector_of, courier_trouble_words
from ui.present.shops import (
    PACES,
    NoteRow,
    ShopPage,
    aside_rows,
    back_rows,
    joined,
    missed_rows,
    pace_name,
    shop_page,
    trouble_words,
)
from ui.screens.form_parts import titled
from ui.screens.note_list import NoteDelegate, NoteList, NumberDelegate, RefusedDelegate
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import column, pad, row
from ui.widgets.plain_label import PlainLabel
from ui.widgets.state_chip import StateChip

_FACTS = 8
#: Of a low window the card shows the first facts alone: the others stand at the lists below as well.
_FACTS_LOW = 4
#: A card lower than so many lines of text is low.
_LOW_LINES = 36
#: The connector of a courier source, "" for a shop, and what was found.
Checked = tuple[str, ShopChecked]


class ShopCard(QWidget):
    """One shop: how it does and why, its buttons and pace; below what was missed, waits to be told, or lies aside."""

    def __init__(self, room: Room, ask_again: Callable[[], None]) -> None:
        super().__init__()
        self._room = room
        self._ask_again = ask_again
        self._view: ShopView | None = None
        self._page: ShopPage | None = None
        self._lists = ShopLists(shop_id="")
        self._asking = ""
        self._is_stale = self._is_low = False
        self._retry_key = ""
        self._back_key = ""
        kit = room.kit
        self._title, self._chip = PlainLabel(role="title", lines=1), StateChip(kit, "idle", "", size="body")
        self._cause, self._todo = PlainLabel(role="lead", wrap=True), PlainLabel(role="body", wrap=True)
        self.check = BigButton(kit, "ops.act_check", icon="sync", locks=True)
        self.poll = BigButton(kit, "ops.act_poll", icon="import", locks=True)
        self.sweep = BigButton(kit, "ops.act_sweep", locks=True)
        self.take = BigButton(kit, "ops.act_take", role="main", locks=True)
        self.retry = BigButton(kit, "ops.act_retry", locks=True)
        self.tell = BigButton(kit, "ops.act_tell", locks=True)
        self.paces = {seconds: _Pace(kit, seconds) for seconds in PACES}
        self._cells = [(PlainLabel(role="caption"), PlainLabel(role="body", lines=1)) for _ in range(_FACTS)]
        self.missed = NoteList(kit, "missed", NumberDelegate(kit, self), lambda: missed_rows(self._lists))
        self.backs = NoteList(
            kit,
            "told",
            RefusedDelegate(kit, self),
            lambda: back_rows(self._lists, room.words(), hub_now(room)),
        )
        self.aside = NoteList(
            kit,
            "unread",
            NoteDelegate(kit, self),
            lambda: aside_rows(self._lists, room.words(), hub_now(room)),
        )
        self.aside.list.chosen.connect(self._choose)
        self.backs.list.chosen.connect(self._choose_back)
        self._connect()
        self._lay_out()

    def show_shop(self, view: ShopView | None) -> None:
        is_other = view is not None and self._lists.shop_id != view.shop_id
        self._view = view
        if view is None:
            return
        if is_other:
            self._lists = ShopLists(shop_id=view.shop_id)
        page = shop_page(view, self._room.words(), hub_now(self._room))
        self._show_page(page)
        self._show_lists()
        self.allow()

    def show_page(self, page: ShopPage) -> None:
        """A source of courier news: its connection can be tested, there is nothing else to press."""
        self._view = None
        self._show_page(page)
        self.allow()

    def words(self) -> str:
        """All that is said about the shop."""
        facts = [f"{name.words()}: {value.words()}" for name, value in self._cells if name.isVisible()]
        return "\n".join((self._title.words(), self._cause.words(), self._todo.words(), *facts))

    def allow(self) -> None:
        """Buttons as the hub tells what may be done here now; a shop without a platform has none."""
        is_courier = self._view is None and self._page is not None
        is_platform = self._view is not None and self._view.connector != "file"
        for button in (self.check, self.poll, self.sweep, self.take, self.retry, self.tell):
            self._room.allow(button, "shops")
        for pace in self.paces.values():
            self._room.allow(pace, "shop_pace")
        self._controls.setVisible(is_platform or is_courier)
        for widget in (self.poll, self._pace_name, *self.paces.values()):
            widget.setVisible(is_platform)
        self._below.setVisible(is_platform)

    def ask(self) -> None:
        """What waits at this shop, as it is now: an answer that is under way may be older, so it is asked again."""
        view = self._view
        if view is None or view.connector == "file" or not self.isVisible():
            return
        if self._asking == view.shop_id:
            self._is_stale = True
            return
        self._is_stale = False
        self._asking, shop_id, desk = view.shop_id, view.shop_id, self._room.core.shops
        self._room.work.run(lambda: desk.lists(shop_id), self._listed, self._not_listed, owner=self)

    def _listed(self, lists: ShopLists) -> None:
        self._asking = ""
        if self._view is not None and lists.shop_id == self._view.shop_id:
            self._lists = lists
            self._show_lists()
            self.allow()
        if self._is_stale:
            self.ask()

    def _not_listed(self, error: Exception) -> None:
        self._asking = ""
        if not isinstance(error, HubTrouble):
            self._room.trouble(error)

    # -- shown ---------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Low windows are for the lists: what is said twice or cannot be pressed now makes room for them."""
        super().resizeEvent(event)
        is_low = self.height() < self._room.kit.theme.px("type.body") * _LOW_LINES
        if is_low != self._is_low:
            self._is_low = is_low
            if self._page is not None:
                self._show_page(self._page)
                self._show_lists()

    def _show_page(self, page: ShopPage) -> None:
        self._page = page
        self._title.setText(page.title)
        self._chip.show_state(page.chip.state, page.chip.text)
        said = (
            (joined(self._room.words(), page.cause, page.todo), "")
            if self._is_low
            else (page.cause, page.todo)
        )
        self._cause.setText(said[0])
        self._todo.setText(said[1])
        self._todo.setVisible(bool(said[1]))
        self._why.setVisible(bool(page.cause))
        self._why.set_state(page.chip.state if page.cause else None)
        facts = page.facts[:_FACTS_LOW] if self._is_low else page.facts
        for at, (name, value) in enumerate(self._cells):
            fact = facts[at] if at < len(facts) else None
            name.setVisible(fact is not None)
            value.setVisible(fact is not None)
            if fact is not None:
                name.setText(fact.label)
                value.setText(fact.value)
                value.set_state(None if fact.state == "idle" else fact.state)
        for seconds, pace in self.paces.items():
            pace.setChecked(seconds == page.pace_s)

    def _show_lists(self) -> None:
        lists, words = self._lists, self._room.words()
        for card, n in (
            (self.missed, len(lists.missed)),
            (self.backs, len(lists.ship_backs)),
            (self.aside, len(lists.aside)),
        ):
            card.refresh(words.tr("ops.things", n=n) if n else "")
        self._not_yours.setText("" if lists.may_see else words.tr("ops.not_yours"))
        self._not_yours.setVisible(not lists.may_see)
        self.take.setVisible(bool(lists.missed))
        known = next((thing for thing in lists.aside if thing.quarantine_id == self._retry_key), None)
        can_retry = any(thing.can_retry for thing in lists.aside)
        self.retry.setVisible(can_retry and not (self._is_low and known is None))
        self.retry.setEnabled(known is not None and known.can_retry and not self.retry.locked)
        self.aside.list.mark(known.quarantine_id if known else None)
        self._show_back()

    def _show_back(self) -> None:
        """The chosen waybill can be told again; why it was not taken is said in full below the list."""
        rows = back_rows(self._lists, self._room.words(), hub_now(self._room))
        chosen = next((row for row in rows if row.key == self._back_key), None)
        self.tell.setVisible(bool(rows) and not (self._is_low and chosen is None))
        self.tell.setEnabled(chosen is not None and not self.tell.locked)
        self.backs.list.mark(chosen.key if chosen else None)
        self._back_said.setText(chosen.said if chosen else "")
        self._back_said.setVisible(bool(chosen and chosen.said))

    def _lay_out(self) -> None:
        kit = self._room.kit
        head = Card(kit, margin="space.m", gap="space.s")
        first = row(kit, self._title, self._chip)
        first.setStretch(0, 1)
        self._why = Card(kit, margin="space.m", gap="space.xs")
        self._why.body.addWidget(self._cause)
        self._why.body.addWidget(self._todo)
        facts = QGridLayout()
        pad(kit, facts, gap="space.s")
        for at, (name, value) in enumerate(self._cells):
            facts.addLayout(column(kit, name, value, gap=""), at // 4, at % 4)
            facts.setColumnStretch(at % 4, 1)
        self._controls = QWidget()
        acts = row(kit, self.check, self.poll, gap="space.s")
        acts.addStretch(1)
        self._pace_name = titled(kit, "ops.pace", "muted")
        acts.addWidget(self._pace_name)
        for pace in self.paces.values():
            acts.addWidget(pace)
        self._controls.setLayout(acts)
        head.body.addLayout(first)
        head.body.addWidget(self._why)
        head.body.addLayout(facts)
        head.body.addWidget(self._controls)
        sweeping = row(kit, self.sweep, self.take, gap="space.xs")
        self.missed.body.addLayout(sweeping)
        self.aside.body.addWidget(self.retry)
        self._back_said = PlainLabel(role="caption", wrap=True)
        self.backs.body.addWidget(self._back_said)
        self.backs.body.addWidget(self.tell)
        self._not_yours = PlainLabel(role="caption", wrap=True)
        self._below = QWidget()
        lists = row(kit, self.backs, self.missed, self.aside, gap="space.m")
        for at in range(3):
            lists.setStretch(at, 1)
        below = column(kit, self._not_yours, gap="space.s")
        below.addLayout(lists, 1)
        self._below.setLayout(below)
        head.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        layout = QVBoxLayout(self)
        pad(kit, layout, gap="space.m")
        layout.addWidget(head)
        layout.addWidget(self._below, 1)
        layout.addStretch(0)

    # -- acting --------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        desk = self._room.core.shops
        self.check.clicked.connect(lambda: self._run(self.check, self._check, self._checked))
        self.poll.clicked.connect(lambda: self._run(self.poll, desk.poll, self._polled))
        self.sweep.clicked.connect(lambda: self._run(self.sweep, desk.sweep, self._swept))
        self.take.clicked.connect(lambda: self._run(self.take, desk.take_missed, self._taken))
        self.retry.clicked.connect(self._retry)
        self.tell.clicked.connect(self._tell_again)
        for seconds, pace in self.paces.items():
            pace.clicked.connect(lambda _=False, seconds=seconds: self._set_pace(seconds))

    def _run(
        self,
        button: BigButton,
        call: Callable[[str], Coroutine[Any, Any, Any]],
        done: Callable[[str, Any], None],
    ) -> None:
        """Asks the hub about what is in front; the answer is said with its name, whichever is in front by then."""
        if self._page is None:
            button.unlock()
            return
        shop_id, name = self._page.shop_id, self._page.title

        def answered(answer: Any) -> None:
            button.unlock()
            done(name, answer)
            self._ask_again()
            self.ask()

        def failed(error: Exception) -> None:
            button.unlock()
            self._room.trouble(error)
            self._ask_again()
            self.ask()

        self._room.work.run(lambda: call(shop_id), answered, failed, owner=self)

    def _check(self, key: str) -> Coroutine[Any, Any, Checked]:
        """A shop, or a source of courier news, by what stands for it here."""
        desk, connector = self._room.core.shops, connector_of(key)

        async def checked() -> Checked:
            found = await (desk.check_courier(connector) if connector else desk.check(key))
            return connector, found

        return checked()

    def _checked(self, shop: str, answer: Checked) -> None:
        connector, found = answer
        bar, say = self._room.bar, self._room.kit.i18n.say
        if not found.trouble:
            bar.success(say("ops.check_ok", shop=shop))
            return
        words = self._room.words()
        tell = courier_trouble_words if connector else trouble_words
        cause, why, todo = tell(found.trouble, found.word, words)
        said = say("ops.check_bad", shop=shop, cause=joined(words, cause, why), todo=todo)
        bar.warn(said, key="shop-check")

    def _polled(self, shop: str, orders: int) -> None:
        say = self._room.kit.i18n.say
        self._room.bar.success(
            say("ops.poll_done", shop=shop, n=orders) if orders else say("ops.poll_none", shop=shop)
        )

    def _swept(self, shop: str, missing: int) -> None:
        say = self._room.kit.i18n.say
        self._room.bar.success(
            say("ops.sweep_found", shop=shop, n=missing) if missing else say("ops.sweep_none", shop=shop)
        )

    def _taken(self, shop: str, answer: MissedTaken) -> None:
        say = self._room.kit.i18n.say
        if answer.left:
            self._room.bar.warn(say("ops.take_left", taken=answer.taken, left=answer.left), key="shop-take")
        else:
            self._room.bar.success(say("ops.take_done", taken=answer.taken))

    def _choose(self, view: NoteRow) -> None:
        self._retry_key = view.key
        self._show_lists()

    def _retry(self) -> None:
        key, desk = self._retry_key, self._room.core.shops

        def said(_: str, is_read: bool) -> None:
            say = self._room.kit.i18n.say
            if is_read:
                self._room.bar.success(say("ops.retry_done"))
            else:
                self._room.bar.warn(say("ops.retry_not"), key="shop-retry")

        self._run(self.retry, lambda _: desk.retry(key), said)

    def _choose_back(self, view: NoteRow) -> None:
        self._back_key = view.key
        self._show_back()
        self.backs.list.reveal(view.key)

    def _tell_again(self) -> None:
        parcel_no, desk = self._back_key.partition("/")[0], self._room.core.shops

        def said(_: str, is_told: bool) -> None:
            key = "ops.tell_done" if is_told else "ops.tell_known"
            self._room.bar.success(self._room.kit.i18n.say(key, parcel=states.short(parcel_no)))

        self._run(self.tell, lambda _: desk.tell_again(parcel_no), said)

    def _set_pace(self, seconds: int) -> None:
        pace, desk = self.paces[seconds], self._room.core.shops
        span = pace_name(seconds, self._room.words())

        def said(shop: str, _: None) -> None:
            self._room.bar.success(self._room.kit.i18n.say("ops.pace_done", shop=shop, span=span))

        self._run(pace, lambda shop_id: desk.set_pace(shop_id, seconds), said)


class _Pace(BigButton):
    """One of the paces offered; checked where the shop is asked so often."""

    def __init__(self, kit: Kit, seconds: int) -> None:
        super().__init__(kit, "ui.minutes")
        self.set_text("ui.minutes", count=seconds // 60)
        self.setCheckable(True)


def hub_now(room: Room) -> datetime:
    """Now by the hub's clock: what it tells of itself is counted by that."""
    return room.now() + room.core.bench.status.facts.offset
