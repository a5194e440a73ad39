"""The service desk: find it, read it, answer it. Nothing else stands here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Hashable, Sequence
from datetime import datetime
from typing import Any

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from app.core.acts import ActKind
from app.core.history import HistoryKind
from app.core.order import GONE_STATES, Order, OrderState
from app.core.scan import parse
from app.station.asking import Asked
from app.store.readmodel import StoryLine
from ui.kit import Kit
from ui.models.rows import RowsModel
from ui.present.reply import reply
from ui.present.service import Answer, Hit, answer_view, groups, hit, order_head
from ui.present.story import StoryRow, story_rows
from ui.present.track import track_view
from ui.screens.asked import say_asked
from ui.screens.buyer_message import BuyerMessageRow
from ui.screens.courier_ask import CourierAsk
from ui.screens.field_list import FieldList
from ui.screens.first_orders import first_orders
from ui.screens.form_parts import titled
from ui.screens.line_pick import LinePick
from ui.screens.pack_parts import drop
from ui.screens.raw_panel import RawPanel
from ui.screens.room import Room
from ui.screens.row_list import Brush, RowDelegate, RowList
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.empty_state import EmptyState
from ui.widgets.layout import column, pad, row
from ui.widgets.page import Page
from ui.widgets.plain_label import PlainLabel
from ui.widgets.search_field import SearchField
from ui.widgets.state_chip import StateChip
from ui.widgets.story_view import StoryView

TOPICS = frozenset({"order", "history", "track", "station", "outbox", "status", "rights", "person"})
#: What a desk may offer, with the act it asks of the hub.
ACTS = {
    "cancel": ActKind.cancel,
    "hold": ActKind.hold,
    "release": ActKind.release,
    "rush": ActKind.rush,
    "remark": ActKind.change_remark,
}
MOST = 50
#: Copies the sentence to send.
COPY_KEY = "F2"
#: So long a cancel can be withdrawn where the shop has not set it otherwise.
COUNTDOWN_S = 15
#: Why a buyer or a shop cancels; kept with the order as a word of ours, said in the reader's language.
CANCEL_REASONS = ("buyer_request", "wrong", "address", "slow", "stock", "other")
HOLD_REASONS = ("address", "payment", "risk", "stock", "buyer_request", "manual")


class HitDelegate(RowDelegate):
    """Number and state; goods; who and when."""

    lines = ("body", "caption", "caption")

    def key_of(self, view: Any) -> Hashable:
        return view.order_no if isinstance(view, Hit) else None

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        if not isinstance(view, Hit):
            return
        first, second, third = rects
        first = brush.chip_right(first, view.chip)
        brush.left(first, view.number, "body", bold=True)
        brush.left(second, view.goods, "caption")
        third = brush.right(third, view.when, "caption", "muted")
        brush.left(third, view.person, "caption", "muted")


class ServiceScreen(Page):
    """Search box and what was found at the left; the order, its story and its fields beside it."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._found: tuple[Hit, ...] = ()
        self._order_no = ""
        kit = room.kit
        self.search = SearchField(kit)
        self.search.asked.connect(self.look_for)
        self.search.returnPressed.connect(self._open_first)
        self._note = PlainLabel(role="caption", wrap=True)
        rows: RowsModel[Hit] = RowsModel(
            lambda n, after: (self._found, ""), lambda h: h.order_no, lambda h: h.number
        )
        self.hits = RowList(kit, rows, HitDelegate(kit, self))
        self.hits.chosen.connect(lambda view: self.show_order(view.order_no))
        self.view = OrderView(room)
        self._empty = EmptyState(
            kit, "search", kit.i18n.say("service.begin_title"), kit.i18n.say("service.begin_text")
        )
        self.first = first_orders(room)
        self._pages = QStackedWidget()
        for page in (self._empty, self.view, self.first):
            self._pages.addWidget(page)
        self._side = QFrame()
        self._side.setProperty("role", "card")
        side = column(kit, self.search, self._note, margin="space.m", gap="space.s")
        side.addWidget(self.hits, 1)
        self._side.setLayout(side)
        layout = QHBoxLayout(self)
        pad(kit, layout, "space.m", "space.m")
        layout.addWidget(self._side)
        layout.addWidget(self._pages, 1)
        kit.theme.bind(self, lambda: self._side.setFixedWidth(kit.theme.px("type.body") * 21))
        kit.i18n.changed.connect(self.refresh)
        self.look_for("")

    def scan(self, raw: str) -> None:
        """A slip, a label or a number opens its order wherever the cursor is; anything else is searched for."""
        scan = parse(raw)
        target = self._room.core.read.resolve(scan)
        if target.order_no:
            self.show_order(target.order_no)
        else:
            self.search.setText(scan.text)
            self.look_for(scan.text)

    def look_for(self, text: str) -> None:
        """Looks in what this station holds; a single hit opens by itself."""
        words, now = self._room.words(), self._room.now()
        orders = self._room.core.service.search(text.strip(), MOST)
        self._found = tuple(hit(order, words, now) for order in orders)
        self.hits.rows.refresh(MOST)
        self._say_found(text.strip())
        if text.strip() and len(self._found) == 1:
            self.show_order(self._found[0].order_no)

    def _open_first(self) -> None:
        """Enter opens the best of what was found; what was typed alone opens only a single one."""
        if self.search.text().strip() and self._found and self._found[0].order_no != self._order_no:
            self.show_order(self._found[0].order_no)

    def show_order(self, order_no: str) -> None:
        self._order_no = order_no
        self.hits.mark(order_no)
        self._show()

    @property
    def shown_order(self) -> str:
        """The order in front, "" for none."""
        return self._order_no

    def refresh(self, topics: frozenset[str] = TOPICS) -> None:
        if not topics & TOPICS:
            return
        self._show()
        if "order" in topics:
            words, now = self._room.words(), self._room.now()
            read = self._room.core.read
            fresh = [read.order(found.order_no) for found in self._found]
            self._found = tuple(hit(order, words, now) for order in fresh if order is not None)
            if not self._found and not self.search.text():
                self.look_for("")
            self.hits.rows.refresh(MOST)
            self._say_found(self.search.text().strip())

    def _show(self) -> None:
        order = self._room.core.read.order(self._order_no) if self._order_no else None
        if order is not None:
            self.view.show_order(order)
        if order is not None:
            self._pages.setCurrentWidget(self.view)
        else:
            self._pages.setCurrentWidget(self._empty if self._room.has_orders() else self.first)

    def _say_found(self, text: str) -> None:
        tr = self._room.kit.i18n.tr
        n = len(self._found)
        if not text:
            self._note.setText(tr("service.newest") if n else "")
        elif n == 0:
            self._note.setText(tr("service.found_none_text"))
        else:
            self._note.setText(tr("service.found_first" if n >= MOST else "service.found", n=n))


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
        self._number = PlainLabel(role="heading")
        self._shop = PlainLabel(role="muted", lines=1)
        self._states = row(kit, gap="space.l")
        self._may_go = StateChip(kit, "ok", "", tone="solid", size="body")
        self._parts = row(kit, gap="space.s")
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
        head = order_head(order, words)
        self._number.setText(head.number)
        self._shop.setText(f"{head.shop}  ·  {order.channel_order_no}")
        _refill(
            self._states,
            [_named_chip(self._room.kit, name, chip.state, chip.text) for name, chip in head.chips],
        )
        self._may_go.show_state(head.may_go.state, head.may_go.text)
        _refill(
            self._parts,
            [StateChip(self._room.kit, chip.state, chip.text, tone="bare") for chip in head.parts],
        )
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
            said = reply(order, card, self._lines, words, now) if self._replies else ""
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
        names = column(kit, self._number, self._shop, gap="")
        first = row(kit)
        first.addLayout(names, 1)
        first.addLayout(self._states)
        second = row(kit, self._may_go)
        second.addLayout(self._parts)
        second.addStretch(1)
        head.body.addLayout(first)
        head.body.addLayout(second)
        head.body.addWidget(self.acts)
        head.body.addWidget(self.message)
        story, fields, raw = (Card(kit, margin="space.m", gap="space.s") for _ in range(3))
        above = row(kit, titled(kit, "service.story"), self._freshness, self._silence, self.courier)
        above.setStretch(0, 1)
        story.body.addLayout(above)
        story.body.addWidget(self.story, 1)
        fields.body.addWidget(titled(kit, "service.fields"))
        fields.body.addWidget(self.fields, 1)
        raw.body.addWidget(self.raw)
        self._beside.addWidget(fields)
        self._beside.addWidget(raw)
        below = row(kit, story, self._beside, gap="space.m")
        below.setStretch(0, 5)
        below.setStretch(1, 4)
        layout = QVBoxLayout(self)
        pad(kit, layout, gap="space.m")
        layout.addWidget(head)
        layout.addWidget(self.answer)
        layout.addLayout(below, 1)


class AnswerCardView(Card):
    """What may be promised to the buyer now (design 3.8), and the sentence to send; a running countdown can be
    withdrawn here."""

    copied = Signal(str)

    def __init__(self, room: Room) -> None:
        super().__init__(room.kit, margin="space.m", gap="space.xs")
        self._room = room
        self._answer: Answer | None = None
        self._withdraw: Callable[[str], object] = lambda stop_id: None
        kit = room.kit
        self._chip = StateChip(kit, "wait", "", tone="solid", size="title")
        self._text = PlainLabel(role="lead", wrap=True)
        self._age = PlainLabel(role="caption")
        self._button = BigButton(kit, "service.act_withdraw")
        self._reply = PlainLabel(role="body", wrap=True)
        self._reply.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy_button = BigButton(kit, "service.act_copy_reply", icon="copy", key=COPY_KEY)
        self._told, self._sent = QWidget(), QWidget()
        line = row(kit, self._chip, self._text, self._age, self._button)
        line.setStretch(1, 1)
        self._told.setLayout(line)
        words = column(kit, titled(kit, "service.reply", "caption"), self._reply, gap="")
        line = row(kit)
        line.addLayout(words, 1)
        line.addWidget(self.copy_button)
        self._sent.setLayout(line)
        self.body.addWidget(self._told)
        self.body.addWidget(self._sent)
        self._button.clicked.connect(self._on_withdraw)
        self.copy_button.clicked.connect(lambda: self.copied.emit(self._reply.words()))
        self.hide()

    @property
    def reply(self) -> str:
        """The sentence to send, "" where none is offered."""
        return self._reply.words()

    def on_withdraw(self, call: Callable[[str], object]) -> None:
        """``call`` with the stop's id when the cancel is to be withdrawn."""
        self._withdraw = call

    @property
    def answer(self) -> Answer | None:
        return self._answer

    @property
    def is_counting(self) -> bool:
        return self._answer is not None and self._answer.counting_until is not None

    def show_answer(self, answer: Answer | None, reply: str = "") -> None:
        self._answer = answer
        self._reply.setText(reply)
        self._sent.setVisible(bool(reply))
        self._told.setVisible(answer is not None)
        self.setVisible(answer is not None or bool(reply))
        self.set_state(answer.state if answer is not None else None)
        if answer is None:
            return
        self._chip.show_state(answer.state, answer.head)
        self._text.setText(answer.text)
        self._age.setText(answer.age)
        self._button.setVisible(bool(answer.withdraw_id))
        self._room.allow(self._button, ActKind.release)

    def _on_withdraw(self) -> None:
        if self._answer is not None and self._answer.withdraw_id:
            self._withdraw(self._answer.withdraw_id)


class ActPanel(QStackedWidget):
    """The acts of a rep; one that needs a reason asks for it in the same place, no window in between."""

    def __init__(self, room: Room, offered: Collection[str] = ACTS) -> None:
        super().__init__()
        self._room = room
        self._offered = frozenset(offered)
        self._order: Order | None = None
        self._act = ""
        self._reason = ""
        self._stop_id = ""
        kit = room.kit
        self.cancel = BigButton(kit, "service.act_cancel", role="stop", icon="close")
        self.hold = BigButton(kit, "service.act_hold", icon="hand")
        self.release = BigButton(kit, "service.act_release", icon="play")
        self.rush = BigButton(kit, "service.act_rush", icon="clock", locks=True)
        self.remark = BigButton(kit, "service.act_remark", icon="list")
        self.buttons = {
            "cancel": self.cancel,
            "hold": self.hold,
            "release": self.release,
            "rush": self.rush,
            "remark": self.remark,
        }
        for name, button in self.buttons.items():
            if name not in self._offered:
                button.hide()
            if name != "rush":
                button.clicked.connect(lambda _=False, name=name: self._ask(name))
        self.rush.clicked.connect(self._rush)
        first = QWidget()
        acts = row(kit, self.cancel, self.hold, self.release, self.rush, self.remark, gap="space.s")
        acts.addStretch(1)
        first.setLayout(acts)
        self.addWidget(first)
        self.addWidget(self._why_page())
        self.currentChanged.connect(self._fit)
        kit.theme.changed.connect(self._fit)
        kit.i18n.changed.connect(self._say_question)
        self._fit()

    def show_order(self, order: Order, *, fresh: bool) -> None:
        if fresh:
            self.setCurrentIndex(0)
        self._order = order
        gone = order.order_state in GONE_STATES
        over = gone or order.order_state is OrderState.cancelled
        cancelled = any(stop.command == "cancel" and not stop.line_nos for stop in order.stops)
        by_hand = [stop for stop in order.stops if stop.command != "cancel" and stop.took_effect_at is None]
        held = next(iter(by_hand), None)
        self._stop_id = held.stop_id if held else ""
        self.cancel.setEnabled(not over and not cancelled)
        self.hold.setVisible(held is None and "hold" in self._offered)
        self.hold.setEnabled(not over and not cancelled)
        self.release.setVisible(held is not None and "release" in self._offered)
        self.rush.setEnabled(not over and not cancelled and not self.rush.locked)
        self.rush.set_text("service.act_unrush" if order.is_rush else "service.act_rush")
        self.remark.setEnabled(not over)
        for name, button in self.buttons.items():
            self._room.allow(button, ACTS[name])

    def withdraw(self, stop_id: str) -> None:
        """Asks why the cancel is withdrawn."""
        self._stop_id = stop_id
        self._ask("release")

    # -- why -----------------------------------------------------------------------------------------------

    def _why_page(self) -> QWidget:
        kit = self._room.kit
        page = QWidget()
        self._ask_label, self._help = PlainLabel(role="lead"), PlainLabel(role="muted", lines=1)
        self._choices = row(kit, gap="space.s")
        self._note = QLineEdit()
        self._note.setMaxLength(200)
        self._note.setAcceptDrops(False)
        self._note.textChanged.connect(self._check)
        self.send = BigButton(kit, "service.act_send_hold", role="main", locks=True)
        self.send.clicked.connect(self._do)
        self._note.returnPressed.connect(self.send.click)
        back = BigButton(kit, "service.act_back", role="quiet")
        back.clicked.connect(lambda: self.setCurrentIndex(0))
        words = row(kit, self._ask_label, self._help)
        words.setStretch(1, 1)
        entry = row(kit, self._note, self.send, back, gap="space.s")
        box = column(kit, gap="space.s")
        box.addLayout(words)
        box.addLayout(self._choices)
        self.lines = LinePick(kit)
        box.addWidget(self.lines)
        box.addLayout(entry)
        page.setLayout(box)
        return page

    def _ask(self, act: str) -> None:
        """Turns the buttons into the question; nothing is asked of the hub yet."""
        self._act, self._reason = act, ""
        self.send.set_text(f"service.act_send_{act}")
        self.send.set_role("stop" if act == "cancel" else "main")
        self.send.unlock()
        reasons = {"cancel": CANCEL_REASONS, "hold": HOLD_REASONS}.get(act, ())
        prefix = "service.reason" if act == "cancel" else "states.hold"
        _refill(self._choices, [self._choice(f"{prefix}_{name}", name) for name in reasons])
        self.lines.show_order(self._order if act == "cancel" else None)
        self._note.setText(self._order.seller_remark if act == "remark" and self._order else "")
        self._say_question()
        self.setCurrentIndex(1)
        self._fit()  # another question may need another height
        self._check()
        self._note.setFocus(Qt.FocusReason.OtherFocusReason)

    def _say_question(self) -> None:
        """The question in the language of now."""
        if self._act:
            tr = self._room.kit.i18n.tr
            self._ask_label.setText(tr(f"service.panel_{self._act}"))
            self._help.setText(tr(f"service.panel_{self._act}_text", n=COUNTDOWN_S))
            optional = self._act in ("cancel", "hold")
            self._note.setPlaceholderText(tr("service.note" if optional else "service.note_needed"))

    def _choice(self, key: str, name: str) -> BigButton:
        button = BigButton(self._room.kit, key)
        button.setCheckable(True)
        button.setAutoExclusive(True)
        button.clicked.connect(lambda: self.choose(name))
        return button

    def choose(self, name: str, note: str | None = None) -> None:
        """Answers the question: one of its reasons, and words where they are given."""
        self._reason = name
        if note is not None:
            self._note.setText(note)
        self._check()

    def _check(self) -> None:
        """A cancel or a hold needs its reason; a release and a remark need words."""
        ready = bool(self._reason) if self._act in ("cancel", "hold") else bool(self._note.text().strip())
        self.send.setEnabled(ready and not self.send.locked)

    def _do(self) -> None:
        order = self._order
        if order is not None:
            act, note = self._act, self._note.text().strip()
            self._room.work.run(
                lambda: self._asking(order, act, note), self._answered, self._failed, owner=self
            )

    def _asking(self, order: Order, act: str, note: str) -> Coroutine[Any, Any, Asked]:
        desk, now, no = self._room.core.service, self._room.now(), order.order_no
        match act:
            case "cancel":
                return desk.cancel(no, self._reason, note or self._reason_words(), now, self.lines.picked)
            case "hold":
                return desk.hold(no, self._reason, note, now)
            case "release":
                return desk.release(no, self._stop_id, note, now)
            case _:
                return desk.remark(no, note, now)

    def _reason_words(self) -> str:
        return self._room.kit.i18n.tr(f"service.reason_{self._reason}")

    def _rush(self) -> None:
        order = self._order
        if order is not None:
            desk = self._room.core.service
            self._room.work.run(
                lambda: desk.rush(order.order_no, not order.is_rush, "", self._room.now()),
                self._answered,
                self._failed,
                owner=self,
            )

    def _answered(self, asked: Asked) -> None:
        self.send.unlock()
        self.rush.unlock()
        self.setCurrentIndex(0)
        say_asked(self._room, asked)

    def _failed(self, error: Exception) -> None:
        self.send.unlock()
        self.rush.unlock()
        self._room.trouble(error)

    def _fit(self) -> None:
        """Only the page in front takes room."""
        if (page := self.currentWidget()) is not None:
            self.setFixedHeight(page.sizeHint().height())


def _place_of(entry: StoryRow) -> tuple[str, datetime, str]:
    """What a node is known by, whatever is learnt about it."""
    return entry.parcel_no, entry.at, entry.raw


def _refill(line: QHBoxLayout, widgets: Sequence[QWidget]) -> None:
    """Other widgets in a row; what stood there is gone."""
    while (item := line.takeAt(0)) is not None:
        if (old := item.widget()) is not None:
            drop(old)
    for widget in widgets:
        line.addWidget(widget)
    line.addStretch(1)


def _named_chip(kit: Kit, name: str, state: Any, text: str) -> QWidget:
    cell = QWidget()
    label = PlainLabel(name, "caption")
    box = column(kit, label, StateChip(kit, state, text, tone="bare", size="body"), gap="")
    cell.setLayout(box)
    return cell
