"""The packing desk: one parcel fills the screen, everything works by scan, by one key and by a finger."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from app.core.acts import ActKind
from app.core.order import Order, Parcel
from app.core.printjob import PrinterState
from app.core.reasons import Reason
from app.station.outcome import Done, Outcome
from app.store.views import QueuePage
from app.wire import PrinterReport
from ui.present.packing import KEYS, QueueView, pack_view, queue_view, scan_view
from ui.present.states import printer_chip
from ui.screens.code_panel import CodePanel
from ui.screens.form_parts import titled
from ui.screens.handover_panel import HandoverPanel
from ui.screens.pack_board import PackBoard
from ui.screens.pack_parts import ScanBar
from ui.screens.queue_column import QueueColumn
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.empty_state import EmptyState
from ui.widgets.layout import column, pad, row
from ui.widgets.page import Page
from ui.widgets.plain_label import PlainLabel

if TYPE_CHECKING:
    from ui.screens.my_day import MyDayLine

#: How many slips one press prints, until the settings say otherwise.
SLIPS_AT_ONCE = 5
#: What may be wrong with a parcel, as the shop's holds name it.
ABNORMAL = ("short", "damaged", "mismatch", "address", "other")
#: States of the printer in which no paper comes until somebody goes there.
NO_PAPER_COMES = frozenset({
    PrinterState.paper_out,
    PrinterState.cover_open,
    PrinterState.offline,
    PrinterState.error,
})
_NO_PAPER = "no_paper"
#: Topics of the read model that change what stands here.
TOPICS = frozenset({"order", "item", "station", "outbox", "desk", "status", "rights", "person"})


class PackingScreen(Page):
    """The desk of a packer. ``scan`` takes what the scanner read, ``refresh`` what changed, ``later`` an outcome's
    later word (amber became green, or red).

    Made at once is what the first picture shows. The rest is made when it is first shown: a start waits for no board
    while nothing lies there; :meth:`prepare` makes the board before the first scan asks for it.
    """

    parcel_opened = Signal(object)
    """Another parcel lies on the board: its order."""

    def __init__(
        self,
        room: Room,
        slips_at_once: int = SLIPS_AT_ONCE,
        printers: Callable[[], Sequence[PrinterReport]] = tuple,
    ) -> None:
        """``printers``: what the slip printer last said; nothing where none is set."""
        super().__init__()
        self._room = room
        self._printers = printers
        self._slips = slips_at_once
        self._last: Outcome | None = None
        self._handed = 0
        self._binding = ""
        self._opened = ""
        self.my_day: MyDayLine | None = None
        kit = room.kit
        self.scan_bar = ScanBar(kit)
        self.queue = QueueColumn(kit, "packing.queue", "packing.queue_empty", self._fetch_queue)
        self._side = QStackedWidget()
        self._side.addWidget(self.queue)
        self._side.setSizePolicy(self.queue.sizePolicy())
        self._empty = EmptyState(kit, "scanner", "", "")
        self.import_offer = self._empty.offer("intake.offer", room.open_import, main=True, icon="import")
        self.single_lane = self._empty.offer("packing.single_on", self._switch_lane, icon="box")
        self.codes = CodePanel(kit)
        self._middle = QStackedWidget()
        for page in (self._empty, self.codes):
            self._middle.addWidget(page)
        self._make_buttons()
        self._lay_out()
        self.queue.chosen.connect(self._open)
        self.scan_bar.acknowledged.connect(self._forget_scan)
        self.scan_bar.offer.clicked.connect(self._ask_which)
        kit.i18n.changed.connect(self._retell)
        self.refresh()

    # -- what comes in ---------------------------------------------------------------------------------------------

    def scan(self, raw: str, repeated: bool | None = None, source: str = "", came: str = "") -> None:
        """A read of the scanner. What needs the hub goes on in the background; the bar is amber meanwhile."""
        self._take(self._room.core.packing.on_scan(raw, self._room.now(), repeated, source, came))

    def take(self, outcome: Outcome) -> None:
        """A read that was judged elsewhere (a camera's picture of slip and label)."""
        self._take(outcome)

    def later(self, outcome: Outcome) -> None:
        """A later word about an outcome shown before; older scans only change what is on the board."""
        if self._last is not None and outcome.scan_id == self._last.scan_id:
            self._show_outcome(outcome, heard=outcome.result != self._last.result)
        self._show_desk()  # the list beside it is read anew when its topics say so

    def refresh(self, topics: frozenset[str] = TOPICS) -> None:
        """Shows what is true now, if any of these topics concerns this desk."""
        if topics & TOPICS:
            self._show_desk()
            self._room.work.run_urgent()  # a stop does not wait for the list
            self._show_side()
        if topics & {"rights", "person"}:
            self._show_rights()
        if "status" in topics:
            self._heed_printer()

    def _show_rights(self) -> None:
        """What the hub lets nobody do here now is off, with the reason."""
        for button, act in (
            (self._close_button, ActKind.parcel_closed),
            (self._undo_button, ActKind.line_unpacked),
            (self._abnormal_button, ActKind.marked_abnormal),
            (self._handover_button, ActKind.handed_over),
            (self._print_button, ActKind.slip_printed),
            (self.scan_bar.offer, ActKind.barcode_learned),
        ):
            self._room.allow(button, act)

    def _show_side(self) -> None:
        """Only the list that is seen is read anew."""
        if self._side.currentWidget() is not self.queue:
            self.packed.list.refresh()
            self.packed.show_count(self.packed.list.rows.rowCount(), more=self.packed.list.rows.has_more)
            return
        self.queue.show_count(self._room.core.read.queue_count())
        self.queue.list.refresh()

    def show_outcome(self, outcome: Outcome) -> None:
        """An outcome of something done outside this page (the alarm was acknowledged)."""
        self._show_outcome(outcome, heard=False)
        self._show_desk()

    def set_slips(self, count: int) -> None:
        """How many slips one press prints."""
        self._slips = count
        self._show_desk()

    def empty_words(self) -> str:
        """What is said while nothing is open."""
        return self._empty.words()

    # -- showing ---------------------------------------------------------------------------------------------------

    def _show_desk(self) -> None:
        view = self._room.core.packing.view()
        in_handover = view.mode == "handover"
        self._show_list(self.packed if in_handover else self.queue)
        if self._codes_button.isChecked():
            self._middle.setCurrentWidget(self.codes)
        elif in_handover:
            self._handover.show_count(self._handed)
            self._middle.setCurrentWidget(self._handover)
        elif view.order is not None and view.parcel is not None:
            self._show_parcel(view.order, view.parcel, can_undo=view.can_undo)
        else:
            self._show_empty()
        opened = view.parcel.parcel_no if view.parcel is not None else ""
        if opened != self._opened:
            self._opened = opened
            if view.order is not None and opened:
                self.parcel_opened.emit(view.order)
        self.queue.list.mark(opened or None)
        works = not in_handover and bool(opened)
        if not works:
            self._never_mind()
        if opened:
            self._print_button.set_text("packing.act_print_one")
        else:
            self._print_button.set_text("packing.act_print_next", n=self._slips)
        self.scan_bar.show_apart(view.is_apart)
        self._undo_button.setEnabled(view.can_undo)
        self._abnormal_button.setEnabled(works)
        self._aside_button.setEnabled(works)
        # on an incomplete parcel too: it says then what is missing
        self._close_button.setEnabled(works)
        self._handover_button.set_text("packing.act_handover_end" if in_handover else "packing.act_handover")

    def _show_list(self, wanted: QueueColumn) -> None:
        if self._side.currentWidget() is not wanted:
            self._side.setCurrentWidget(wanted)
            self._show_side()

    def _show_parcel(self, order: Order, parcel: Parcel, *, can_undo: bool) -> None:
        room = self._room
        skus = frozenset(line.sku_code for line in order.lines)
        waiting = bool(room.core.read.pending_of(order.order_no))
        view = pack_view(order, parcel.parcel_no, room.bench(skus), room.words(), waiting=waiting)
        self.board.show_view(view)
        self._middle.setCurrentWidget(self.board)
        self._close_button.set_role("main" if view.can_close else "plain")

    def _show_empty(self) -> None:
        """Nothing lies here: say why and what to do first."""
        tr = self._room.kit.i18n.tr
        waiting = self._room.core.read.queue_count()
        is_new = not waiting and not self._room.has_orders()
        self.import_offer.setVisible(is_new)
        lane = self._room.core.packing.is_single_lane
        self.single_lane.setVisible(bool(waiting) or lane)
        self.single_lane.set_text("packing.single_off" if lane else "packing.single_on")
        if lane and self._room.core.packing.view().is_online:
            self._empty.show_text("box", tr("packing.single_title"), tr("packing.single_text"))
        elif waiting:
            text = tr("packing.ready_text", n=waiting)
            if self._slips:
                text += "\n" + tr("packing.ready_print", key=KEYS.print_next, n=self._slips)
            self._empty.show_text("scanner", tr("packing.ready_title"), text)
        elif not self._room.core.packing.view().is_online:
            self._empty.show_text(
                "offline", tr("packing.empty_offline_title"), tr("packing.empty_offline_text")
            )
        elif is_new:
            self._empty.show_text("box", tr("intake.no_orders_title"), tr("intake.no_orders_text"))
        else:
            self._empty.show_text("box", tr("packing.all_done_title"), tr("packing.all_done_text"))
        self._middle.setCurrentWidget(self._empty)

    def _show_outcome(self, outcome: Outcome, *, heard: bool = True) -> None:
        self._last = outcome
        is_stranger = outcome.result == Reason.unknown_code and bool(self._room.core.packing.open_parcel_no())
        self.scan_bar.show_scan(scan_view(outcome, self._room.words()), offers=is_stranger)
        if heard:
            self._room.hear(outcome)

    def _retell(self) -> None:
        """The same in the other language."""
        if self._last is not None:
            self._show_outcome(self._last, heard=False)
        if self._binding:
            self._say_which()
        self.refresh()

    def _forget_scan(self) -> None:
        seen_to = self._room.core.packing.pair_seen_to()
        if seen_to is not None:
            self._take(seen_to)
            return
        self._last = None
        self.scan_bar.show_scan(None)

    def _fetch_queue(self, n: int, after: str) -> tuple[Sequence[QueueView], str]:
        return self._views(self._room.core.read.queue(n, after))

    def _fetch_packed(self, n: int, after: str) -> tuple[Sequence[QueueView], str]:
        return self._views(self._room.core.read.packed(n, after))

    def _views(self, page: QueuePage) -> tuple[Sequence[QueueView], str]:
        bench, words = self._room.bench(), self._room.words()
        return [queue_view(row, bench, words) for row in page.rows], page.next

    # -- acting ----------------------------------------------------------------------------------------------------

    def _take(self, outcome: Outcome) -> None:
        """Shows an outcome and follows it up where the hub has to be asked."""
        self._never_mind()
        self._show_outcome(outcome)
        # Before the parcel is laid out anew, which takes longer than a frame: the eyes wait for this colour.
        self.scan_bar.repaint()
        if outcome.is_ok and outcome.done is Done.handed_over:
            self._handed += 1
        if outcome.done in (Done.mode_handover, Done.mode_packing):
            self._handed = 0
        self._show_desk()
        if outcome.follow is not None and outcome.follow != "badge":
            desk = self._room.core.packing
            self._room.work.run(
                lambda: desk.follow(outcome, self._room.now()),
                self._take_answer,
                self._room.trouble,
                owner=self,
            )

    def _take_answer(self, outcome: Outcome) -> None:
        if outcome.done is Done.single_packed:
            self._warn_of_printer(1, self._printers())
        is_last = self._last is None or self._last.scan_id == outcome.scan_id
        if is_last or outcome.reason in (
            Reason.no_single,
            Reason.not_finished,
        ):  # a unit that found no box is heard
            self._take(outcome)
        else:
            self._show_desk()

    def _open(self, parcel_no: str) -> None:
        self._take(self._room.core.packing.open_parcel(parcel_no, self._room.now()))

    def _close(self) -> None:
        self._room.work.run(
            lambda: self._room.core.packing.close(self._room.now()),
            self._take,
            self._room.trouble,
            owner=self,
        )

    def _undo(self) -> None:
        self._take(self._room.core.packing.undo_last(self._room.now()))

    def _switch_lane(self) -> None:
        desk = self._room.core.packing
        self._take(desk.set_single_lane(not desk.is_single_lane))

    def _switch_mode(self) -> None:
        desk = self._room.core.packing
        self._take(desk.set_mode("packing" if desk.view().mode == "handover" else "handover"))

    def _print(self) -> None:
        """The slip of the open parcel; with nothing open, those of the most urgent parcels that have none yet."""
        desk, reason = self._room.core.packing, ""
        parcel = desk.view().parcel
        if parcel is not None:
            numbers = [parcel.parcel_no]
            reason = self._room.kit.i18n.tr("packing.reprint") if desk.has_paper(parcel.parcel_no) else ""
        else:
            page = self._room.core.read.queue(self._slips * 10)
            free = [r for r in page.rows if not (r.slip_count or r.is_frozen or r.is_on_hold)]
            numbers = [row.parcel_no for row in free[: self._slips]]
        if not numbers:
            self._print_button.unlock()
            self._room.bar.note(self._room.kit.i18n.say("packing.all_printed"))
            return
        self._print_slips(numbers, reason)

    def print_again(self, parcel_no: str, reason: str) -> None:
        """Another slip of a parcel, with why."""
        self._print_slips([parcel_no], reason)

    def _print_slips(self, numbers: Sequence[str], reason: str) -> None:
        desk, reports = self._room.core.packing, self._printers()
        self._room.work.run(
            lambda: desk.print_slips(numbers, self._room.now(), reason),
            lambda outcomes: self._printed(outcomes, reports),
            self._print_failed,
            owner=self,
        )

    def _printed(self, outcomes: Sequence[Outcome], reports: Sequence[PrinterReport]) -> None:
        self._print_button.unlock()
        refused = [outcome for outcome in outcomes if not outcome.is_ok]
        for outcome in (refused or list(outcomes))[-1:]:
            self._take(outcome)
        if len(refused) < len(outcomes):
            self._warn_of_printer(len(outcomes) - len(refused), reports)

    def _warn_of_printer(self, count: int, reports: Sequence[PrinterReport]) -> None:
        """Who waits for paper is told why none comes: ``reports`` are of the moment the slips were asked for."""
        say, bar = self._room.kit.i18n.say, self._room.bar
        if not reports:
            bar.warn(say("packing.no_printer", n=count), key=_NO_PAPER)
        elif (report := reports[0]).state in NO_PAPER_COMES:
            chip = printer_chip(report.state, self._room.words())
            bar.warn(say("packing.printer_waits", n=count, state=chip.text), key=_NO_PAPER)

    def _heed_printer(self) -> None:
        """A printer that was seen to takes back what was said about it."""
        if any(report.state not in NO_PAPER_COMES for report in self._printers()):
            self._room.bar.resolve(_NO_PAPER)

    def _print_failed(self, error: Exception) -> None:
        self._print_button.unlock()
        self._room.trouble(error)

    # -- an unknown code that belongs to a line of the open parcel

    def _ask_which(self) -> None:
        """The code was read with a parcel open and nobody knows it: the packer shows which goods it is on."""
        self._binding = self._last.params.get("code", "") if self._last else ""
        if self._binding:
            self._say_which()
            page = self._which.parentWidget()
            assert page is not None, "it is laid out in a page of its own"
            self._buttons.setCurrentWidget(page)
            self.board.ask_which(True)

    def _say_which(self) -> None:
        self._which.setText(self._room.kit.i18n.tr("packing.bind_which", code=self._binding))

    def _bind(self, line_no: int) -> None:
        code = self._binding
        if code:
            self._take(self._room.core.packing.learn_code(code, line_no, self._room.now()))
            self._room.bar.success(self._room.kit.i18n.say("packing.bound", code=code))

    def _never_mind(self) -> None:
        """A question in the place of the buttons is put away: it was about what lay there when it was asked."""
        if self._binding:
            self._binding = ""
            self.board.ask_which(False)
        self._buttons.setCurrentIndex(0)

    def _ask_what_is_wrong(self) -> None:
        self._buttons.setCurrentWidget(self._reasons)

    def _put_aside(self) -> None:
        self._take(self._room.core.packing.put_aside(self._room.now()))

    def _split(self) -> None:
        desk = self._room.core.packing
        self._never_mind()
        self._room.work.run(lambda: desk.split(self._room.now()), self._take, self._room.trouble, owner=self)

    def _mark(self, reason: str) -> None:
        self._buttons.setCurrentIndex(0)
        self._take(self._room.core.packing.mark_abnormal(reason, self._room.now()))

    # -- building --------------------------------------------------------------------------------------------------

    def _make_buttons(self) -> None:
        kit = self._room.kit
        self._close_button = self._button("packing.act_close", self._close, "box", KEYS.close)
        self._undo_button = self._button("packing.act_undo", self._undo, "history", KEYS.undo)
        self._abnormal_button = self._button(
            "packing.act_abnormal", self._ask_what_is_wrong, "hand", KEYS.abnormal
        )
        self._aside_button = self._button("packing.act_aside", self._put_aside, "", KEYS.aside)
        self._handover_button = self._button(
            "packing.act_handover", self._switch_mode, "truck", KEYS.handover
        )
        self._codes_button = self._button("packing.act_codes", self._show_desk, "scanner", "")
        self._codes_button.setCheckable(True)
        self._print_button = BigButton(
            kit, "packing.act_print_next", icon="printer", key=KEYS.print_next, locks=True, tall=True
        )
        self._print_button.set_text("packing.act_print_next", n=self._slips)
        self._print_button.clicked.connect(self._print)

    def _button(self, key: str, act: Callable[[], object], icon: str, shortcut: str) -> BigButton:
        button = BigButton(self._room.kit, key, icon=icon, key=shortcut, tall=True)
        button.clicked.connect(lambda: act())
        return button

    def _lay_out(self) -> None:
        kit = self._room.kit
        acts = QWidget()
        line = row(
            kit,
            self._close_button,
            self._undo_button,
            self._abnormal_button,
            self._aside_button,
            gap="space.s",
        )
        line.addStretch(1)
        line.addWidget(self._codes_button)
        line.addWidget(self._handover_button)
        acts.setLayout(line)
        self._buttons = QStackedWidget()
        self._buttons.addWidget(acts)
        left = column(kit, gap="space.m")
        left.addWidget(self._middle, 1)
        left.addWidget(self.scan_bar)
        left.addWidget(self._buttons)
        side = QVBoxLayout()
        pad(kit, side, gap="space.s")
        side.addWidget(self._side, 1)
        side.addWidget(self._print_button)
        layout = QHBoxLayout(self)
        pad(kit, layout, "space.m", "space.m")
        layout.addLayout(left, 1)
        layout.addLayout(side)

    @cached_property
    def board(self) -> PackBoard:
        board = PackBoard(self._room.kit)
        board.picked.connect(self._bind)
        self._middle.addWidget(board)
        return board

    def prepare(self) -> None:
        """Makes the board now, while nobody waits for it, and the line of figures under the queue."""
        self.board.ensurePolished()
        if self.my_day is None:
            from ui.screens.my_day import MyDayLine

            self.my_day = MyDayLine(self._room)
            self.queue.body.addWidget(self.my_day)

    @cached_property
    def packed(self) -> QueueColumn:
        """What waits for the courier."""
        kit = self._room.kit
        packed = QueueColumn(kit, "packing.handover_queue", "packing.handover_none", self._fetch_packed)
        self._side.addWidget(packed)
        return packed

    @cached_property
    def _handover(self) -> HandoverPanel:
        panel = HandoverPanel(self._room)
        self._middle.addWidget(panel)
        return panel

    @cached_property
    def _reasons(self) -> QWidget:
        """What is wrong, in the place of the buttons: nothing covers the parcel, nothing waits for an answer."""
        kit = self._room.kit
        panel = QWidget()
        line = row(kit, gap="space.s")
        line.addWidget(titled(kit, "packing.abnormal_title", "lead"), 1)
        for reason in ABNORMAL:
            again = KEYS.abnormal if reason == ABNORMAL[-1] else ""  # the same key twice needs no second look
            line.addWidget(self._button(f"packing.reason_{reason}", partial(self._mark, reason), "", again))
        line.addWidget(self._button("packing.act_split", self._split, "box", ""))
        line.addWidget(self._button("packing.act_back", self._never_mind, "close", KEYS.back))
        panel.setLayout(line)
        self._buttons.addWidget(panel)
        return panel

    @cached_property
    def _which(self) -> PlainLabel:
        """While a code is to be bound: the goods above are asked, here stands the way back."""
        kit = self._room.kit
        panel = QWidget()
        label = PlainLabel(role="lead", lines=2)
        line = row(kit, gap="space.s")
        line.addWidget(label, 1)
        line.addWidget(self._button("packing.act_back", self._never_mind, "close", KEYS.back))
        panel.setLayout(line)
        self._buttons.addWidget(panel)
        return label
