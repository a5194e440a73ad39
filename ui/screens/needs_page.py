"""What needs somebody at this station: one sentence each, and the ways on. Nothing here stands before a scan."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from PySide6.QtCore import QRectF, Signal
from PySide6.QtWidgets import QStackedWidget

from ui.models.rows import RowsModel
from ui.present.needs import NeedRow, need_rows
from ui.screens.form_parts import titled
from ui.screens.room import Room
from ui.screens.row_list import Brush, RowDelegate, RowList
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.empty_state import EmptyState
from ui.widgets.layout import column, row
from ui.widgets.page import Page


class NeedDelegate(RowDelegate):
    """What happened; when, to which order, and who answered."""

    lines = ("body", "caption")

    def key_of(self, view: Any) -> Hashable:
        return view.act_id if isinstance(view, NeedRow) else None

    def paint_row(self, brush: Brush, rects: list[QRectF], view: Any) -> None:
        if not isinstance(view, NeedRow):
            return
        upper, lower = rects
        brush.left(upper, view.text, "body", "muted" if view.answer else "text")
        words, now = self.kit.i18n.words, self.kit.ticker.now()
        rest = brush.chip_left(lower, view.chip, "bare")
        when = words.tr("needs.at", ago=words.since(view.at, now), order=view.order_no)
        rest = brush.left(rest, when, "caption", "muted")
        brush.left(rest, view.answer, "caption", "muted")


class NeedsPage(Page):
    """``finished`` goes back to the desk."""

    finished = Signal()

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._open: tuple[NeedRow, ...] = ()
        self._answered: tuple[NeedRow, ...] = ()
        self._chosen = ""
        kit = room.kit
        self.list = self._listed(lambda n, after: (self._open, ""))
        self.list.chosen.connect(lambda view: self.choose(view.act_id))
        self.history = self._listed(lambda n, after: (self._answered, ""))
        say = kit.i18n.say
        calm = EmptyState(kit, "state_ok", say("needs.none_title"), say("needs.none_text"))
        self._pages = QStackedWidget()
        self._pages.addWidget(self.list)
        self._pages.addWidget(calm)
        desk = room.core.needs
        self.understood = self._button("needs.understood", "check", desk.understood, "")
        self.again = self._button("needs.again", "", desk.again, "needs.again_done")
        self.ask = self._button("needs.ask", "person", self._asking, "needs.asked_done")
        back = BigButton(kit, "station.back_to_desk", key="Esc", role="quiet")
        back.clicked.connect(self.finished)
        waits = Card(kit, margin="space.m", gap="space.s")
        waits.body.addWidget(titled(kit, "needs.title"))
        waits.body.addWidget(self._pages, 1)
        buttons = row(kit, self.understood, self.again, self.ask)
        buttons.addStretch(1)
        buttons.addWidget(back)
        waits.body.addLayout(buttons)
        done = Card(kit, margin="space.m", gap="space.s")
        done.body.addWidget(titled(kit, "needs.answered_title"))
        done.body.addWidget(self.history, 1)
        whole = column(kit, waits, done, margin="space.m", gap="space.m")
        whole.setStretch(0, 2)
        whole.setStretch(1, 1)
        self.setLayout(whole)
        kit.i18n.changed.connect(self.refresh)
        self.refresh()

    @property
    def shown(self) -> tuple[NeedRow, ...]:
        """What waits, as it stands on the screen."""
        return self._open

    @property
    def shown_answers(self) -> tuple[NeedRow, ...]:
        return self._answered

    def refresh(self) -> None:
        words, desk = self._room.words(), self._room.core.needs
        self._open = need_rows(desk.open(), words)
        self._answered = need_rows(desk.answered(), words)
        if self._chosen not in {need.act_id for need in self._open}:
            self._chosen = self._open[0].act_id if self._open else ""
        self.list.refresh()
        self.history.refresh()
        self._pages.setCurrentIndex(0 if self._open else 1)
        self._show_chosen()

    def choose(self, act_id: str) -> None:
        """This one is to be answered."""
        self._chosen = act_id
        self._show_chosen()

    def _show_chosen(self) -> None:
        need = next((need for need in self._open if need.act_id == self._chosen), None)
        self.list.mark(self._chosen)
        self.understood.setEnabled(need is not None)
        self.again.setEnabled(need is not None and need.can_again)
        self.ask.setEnabled(need is not None and need.can_ask)

    def _listed(self, fetch: Callable[[int, str], Any]) -> RowList[NeedRow]:
        kit = self._room.kit
        rows: RowsModel[NeedRow] = RowsModel(fetch, lambda r: r.act_id, lambda r: r.text)
        return RowList(kit, rows, NeedDelegate(kit, self), ticks=True)

    def _button(
        self, text_key: str, icon: str, do: Callable[..., Coroutine[Any, Any, None]], done_key: str
    ) -> BigButton:
        button = BigButton(self._room.kit, text_key, icon=icon, locks=True)

        def answered(_: None) -> None:
            button.unlock()
            if done_key:
                self._room.bar.success(self._room.kit.i18n.say(done_key))
            self.refresh()

        def failed(error: Exception) -> None:
            button.unlock()
            self._room.trouble(error)

        def press() -> None:
            act_id, now = self._chosen, self._room.core.bench.clock.now()
            self._room.work.run(lambda: do(act_id, now), answered, failed, owner=self)

        button.clicked.connect(press)
        return button

    async def _asking(self, act_id: str, now: Any) -> None:
        text = next((need.text for need in self._open if need.act_id == act_id), "")
        await self._room.core.needs.ask_supervisor(
            act_id, self._room.words().tr("needs.ask_note", text=text), now
        )
