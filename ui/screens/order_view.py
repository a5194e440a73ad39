"""One order in full: its three states, what may be promised, what may be done, its story and its fields."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.core.history import HistoryKind
from app.core.order import Order
from app.store.story import StoryLine
from ui.kit import Kit
from ui.present.reply import reply
from ui.present.service import OrderHead, answer_view, groups, order_head
from ui.present.story import StoryRow, story_rows
from ui.present.track import track_view
from ui.present.words import Words
from ui.screens.act_panel import ACTS, ActPanel
from ui.screens.answer_card import AnswerCardView
from ui.screens.buyer_message import BuyerMessageRow
from ui.screens.courier_ask import CourierAsk
from ui.screens.field_list import FieldList
from ui.screens.form_parts import refill, titled
from ui.screens.raw_panel import RawPanel
from ui.screens.room import Room
from ui.widgets.card import Card
from ui.widgets.layout import column, give_way, pad, row
from ui.widgets.plain_label import PlainLabel
from ui.widgets.state_chip import StateChip
from ui.widgets.story_view import StoryView


class OrderView(QWidget):
    """One order: head with the three states, what may be promised, acts, story, fields."""

    def __init__(
        self, room: Room, *, money: bool = True, replies: bool = True, acts: Collection[str] = ACTS
    ) -> None:
        """``money``: with sums; ``replies``: with the sentence to send; ``acts``: what may be offered."""
        super().__init__()
        self._room = room
        self._money, self._replies = money, replies
        self._lines: Sequence[StoryLine] = ()
        kit = room.kit
        self._order: Order | None = None
        self.head = HeadView(kit)
        self.answer = AnswerCardView(room)
        self.acts = ActPanel(room, acts)
        self.message = BuyerMessageRow(room)
        self.answer.on_withdraw(self.acts.withdraw)
        self.answer.copied.connect(self._copied)
        self.story = StoryView(kit)
        self.fields = FieldList(kit)
        self.fields.copied.connect(self._copied)
        self.raw = RawPanel(room)
        self._beside = QStackedWidget()
        self._freshness = PlainLabel(role="muted", lines=1)
        self._silence = StateChip(kit, "wait", "")
        self.courier = CourierAsk(room)
        self.story.opened.connect(self._open_entry)
        self.raw.closed.connect(self._close_entry)
        self._lay_out()
        kit.ticker.tick.connect(self._tick)

    @property
    def order(self) -> Order | None:
        """What stands here."""
        return self._order

    def show_order(self, order: Order) -> None:
        is_other = self._order is None or self._order.order_no != order.order_no
        self._order = order
        words = self._room.words()
        self.head.show_head(order_head(order, words), order.channel_order_no)
        skus = frozenset(line.sku_code for line in order.lines)
        self._lines = self._room.core.service.story(order.order_no)
        self._show_answer()
        self.acts.show_order(order, fresh=is_other)
        if self._replies:
            self.message.show_order(order)
        rows = story_rows(self._lines, self._room.bench(skus), words, ordered_at=order.ordered_at)
        self.story.show_entries(rows, fresh=is_other)
        self._show_track()
        self._follow_entry(order, rows)
        self.fields.show_groups(groups(order, words, money=self._money), reset=is_other)

    def _show_answer(self) -> None:
        order = self._order
        if order is not None:
            words, now = self._room.words(), self._room.now()
            card = self._room.core.service.answer(order.order_no)
            said = reply(order, card, self._lines, _for_buyer(order, words), now) if self._replies else ""
            self.answer.show_answer(answer_view(card, order, words, now), said)

    def _show_track(self) -> None:
        """How fresh the courier's news are, and silence that lasts too long."""
        order = self._order
        if order is None:
            return
        left = {
            line.parcel_no: line.at
            for line in self._lines
            if line.kind == HistoryKind.handed_over and line.parcel_no
        }
        tracks = self._room.core.service.tracks(order.order_no)
        view = track_view(order, tracks, left, self._room.words(), self._room.now())
        self.courier.show_order(order)
        self._freshness.setText(view.text if view else "")
        self._freshness.setVisible(view is not None)
        self._silence.setVisible(view is not None and view.trouble is not None)
        if view is not None and view.trouble is not None:
            self._silence.show_state(view.trouble.state, view.trouble.text)

    # -- what a courier wrote ----------------------------------------------------------------------------------

    def _open_entry(self, entry: StoryRow) -> None:
        """The courier's words beside the story; touched again, the order's fields are back."""
        if self._order is None:
            return
        if self._is_open(entry):
            self._close_entry()
            return
        self.raw.show_entry(self._order, entry, fresh=True)
        self.story.mark(entry)
        self._beside.setCurrentIndex(1)

    def _close_entry(self) -> None:
        self.story.mark(None)
        self._beside.setCurrentIndex(0)

    def _is_open(self, entry: StoryRow) -> bool:
        known = self.raw.entry
        is_shown = self._beside.currentIndex() == 1
        return is_shown and known is not None and _place_of(known) == _place_of(entry)

    def _follow_entry(self, order: Order, rows: Sequence[StoryRow]) -> None:
        """What stands open is brought up to date; another order begins with its fields."""
        if self._beside.currentIndex() == 1:
            entry = next((row for row in rows if row.opens and self._is_open(row)), None)
            if entry is None:
                self._close_entry()
            else:
                self.raw.show_entry(order, entry, fresh=False)
                self.story.mark(entry)

    def _tick(self) -> None:
        if not self.isVisible():
            return
        self._show_track()  # how long ago is a matter of time alone
        if self.answer.is_counting:
            self._show_answer()

    def _copied(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._room.bar.success(self._room.kit.i18n.say("service.copied"))

    def _lay_out(self) -> None:
        kit = self._room.kit
        head = Card(kit, margin="space.m", gap="space.s")
        head.body.addWidget(self.head)
        head.body.addWidget(self.acts)
        head.body.addWidget(self.message)
        story, fields, raw = (Card(kit, margin="space.m", gap="space.s") for _ in range(3))
        above = row(kit, titled(kit, "service.story"), self.courier, gap="space.s")
        above.setStretch(0, 1)
        news = row(kit, self._freshness, self._silence, gap="space.s")
        news.setStretch(0, 1)
        story.body.addLayout(above)
        story.body.addLayout(news)
        story.body.addWidget(self.story, 1)
        fields.body.addWidget(titled(kit, "service.fields"))
        fields.body.addWidget(self.fields, 1)
        raw.body.addWidget(self.raw)
        self._beside.addWidget(fields)
        self._beside.addWidget(raw)
        give_way(self.story, self.fields, self._beside)
        below = row(kit, story, self._beside, gap="space.m")
        below.setStretch(0, 5)
        below.setStretch(1, 4)
        layout = QVBoxLayout(self)
        pad(kit, layout, gap="space.m")
        layout.addWidget(head)
        layout.addWidget(self.answer)
        layout.addLayout(below, 1)


class HeadView(QWidget):
    """Number and shop, the three states, and whether it may go out with what speaks for and against it."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._shown: tuple[OrderHead, str] | None = None
        self._number = PlainLabel(role="heading")
        self._shop = PlainLabel(role="muted", lines=1)
        self._states = row(kit, gap="space.l")
        self._may_go = StateChip(kit, "ok", "", tone="solid", size="body")
        self._parts = row(kit, gap="space.s")
        names = column(kit, self._number, self._shop, gap="")
        first = row(kit)
        first.addLayout(names, 1)
        first.addLayout(self._states)
        second = row(kit, self._may_go)
        second.addLayout(self._parts)
        second.addStretch(1)
        both = column(kit, gap="space.s")
        both.addLayout(first)
        both.addLayout(second)
        self.setLayout(both)

    def may_go(self) -> list[str]:
        """Whether it may go out, and what speaks for and against it."""
        if self._shown is None:
            return []
        head, _ = self._shown
        return [head.may_go.text, *(chip.text for chip in head.parts)]

    def show_head(self, head: OrderHead, channel_order_no: str) -> None:
        """Nothing is made anew while the same is to be said: chips that come and go each second flicker."""
        if self._shown == (head, channel_order_no):
            return
        self._shown = head, channel_order_no
        kit = self._kit
        self._number.setText(head.number)
        self._shop.setText(f"{head.shop}  ·  {channel_order_no}")
        refill(self._states, [_named_chip(kit, name, chip.state, chip.text) for name, chip in head.chips])
        self._may_go.show_state(head.may_go.state, head.may_go.text)
        refill(self._parts, [StateChip(kit, chip.state, chip.text, tone="bare") for chip in head.parts])


def _for_buyer(order: Order, words: Words) -> Words:
    """English where this buyer reads English, else as the desk speaks."""
    is_foreign = order.is_cross_border or any(message.lang == "en" for message in order.messages)
    return replace(words, lang="en") if is_foreign else words


def _place_of(entry: StoryRow) -> tuple[str, datetime, str]:
    """What a node is known by, whatever is learnt about it."""
    return entry.parcel_no, entry.at, entry.raw


def _named_chip(kit: Kit, name: str, state: Any, text: str) -> QWidget:
    cell = QWidget()
    label = PlainLabel(name, "caption")
    box = column(kit, label, StateChip(kit, state, text, tone="bare", size="body"), gap="")
    cell.setLayout(box)
    return cell
