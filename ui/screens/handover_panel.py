"""Boxes go to the courier: what to do, how many went, and how many may go while the hub is away."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QWidget

from app.station.van import VanView
from ui.present.packing import KEYS, Prompt
from ui.present.van import van_words
from ui.screens.pack_parts import Hero, IconView
from ui.screens.room import Room
from ui.theme import restate
from ui.widgets.layout import column, row
from ui.widgets.plain_label import PlainLabel


class HandoverPanel(QWidget):
    """Scan each label; below stands what the hub's absence would leave of it."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._hero = Hero(room.kit)
        self.van = VanCard(room)
        layout = column(room.kit, gap="space.m")
        layout.addWidget(self._hero, 1)
        layout.addWidget(self.van)
        self.setLayout(layout)

    def show_count(self, handed: int) -> None:
        """``handed``: boxes that went in this hand-over."""
        tr = self._room.kit.i18n.tr
        detail = tr("packing.do_handover_detail", n=handed, key=KEYS.handover)
        self._hero.show_view(Prompt("info", "truck", tr("packing.do_handover"), detail), None)
        self.van.refresh()


class VanCard(QFrame):
    """How many boxes may leave without the hub and why others may not. Counted beside the window's thread."""

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        self._is_asking = self._is_to_ask = False
        self.setProperty("role", "card")
        self._icon = IconView(room.kit, "size.icon_m")
        self.title = PlainLabel(role="lead", wrap=True)
        self.reasons = PlainLabel(role="muted", wrap=True)
        head = row(room.kit, self._icon, gap="space.s")
        head.addWidget(self.title, 1)
        body = column(room.kit, margin="space.m", gap="space.s")
        body.addLayout(head)
        body.addWidget(self.reasons)
        self.setLayout(body)
        self.hide()
        room.kit.ticker.tick.connect(self._tick)

    def refresh(self) -> None:
        """Counts anew; what is asked for while a count is under way is counted once after it."""
        if self._is_asking:
            self._is_to_ask = True
            return
        self._is_asking = True
        self._room.work.blocking(self._room.core.packing.van, self._counted, self._failed, owner=self)

    def _tick(self) -> None:
        """Leases run out by time alone."""
        if self.isVisible() and self._room.now().second % 10 == 0:
            self.refresh()

    def _counted(self, view: VanView) -> None:
        self._show(view)
        self._next()

    def _failed(self, error: Exception) -> None:
        self._room.trouble(error)
        self._is_asking = self._is_to_ask = False

    def _next(self) -> None:
        self._is_asking = False
        if self._is_to_ask:
            self._is_to_ask = False
            self.refresh()

    def _show(self, view: VanView) -> None:
        is_online = self._room.core.packing.view().is_online
        said = van_words(view, self._room.words(), is_online=is_online)
        self.setVisible(bool(said.title))
        if said.title:
            restate(self, "state", said.state or "")
            self._icon.show_icon(said.icon, f"{said.state}_text" if said.state else "text")
            self.title.setText(said.title)
            self.reasons.setText("\n".join(said.reasons))
            self.reasons.setVisible(bool(said.reasons))
