"""The scale of this computer: whether it is there, what lies on it, its port and speed."""

from __future__ import annotations

from ui.present.sources import scale_view, serial_view
from ui.scan_sources import ScanSources
from ui.screens.form_parts import Field, tight, titled
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import row
from ui.widgets.plain_label import PlainLabel
from ui.widgets.state_chip import StateChip

_BAUDS_MOST = 4_000_000


class ScaleCard(Card):
    """Everything holds as it is pressed."""

    def __init__(self, room: Room, sources: ScanSources) -> None:
        super().__init__(room.kit, margin="space.l", gap="space.s")
        self._room, self._sources = room, sources
        kit = room.kit
        self._chip = StateChip(kit)
        self._lies = PlainLabel(role="lead")
        self.port = Field(kit, "sources.serial_port", "sources.serial_hint")
        self.baud = Field(kit, "sources.serial_baud")
        self.turn_on, self.turn_off = BigButton(kit, "sources.turn_on"), BigButton(kit, "sources.turn_off")
        self.port.edit.setText(sources.scale_port)
        self.baud.edit.setText(str(sources.scale_baud))
        self.body.addWidget(titled(kit, "sources.scale"))
        self.body.addWidget(titled(kit, "sources.scale_text", "muted", wrap=True))
        self.body.addLayout(tight(row(kit, self._chip, self._lies, gap="space.m")))
        self.body.addLayout(row(kit, self.port, self.baud, gap="space.s"))
        self.body.addLayout(tight(row(kit, self.turn_on, self.turn_off, gap="space.s")))
        self.body.addStretch(1)
        self.turn_on.clicked.connect(self._turn_on)
        self.port.entered.connect(self._turn_on)
        self.turn_off.clicked.connect(
            lambda: sources.use_scale(False, sources.scale_port, sources.scale_baud)
        )
        sources.changed.connect(self.refresh)
        sources.heard.connect(self.refresh)
        kit.ticker.tick.connect(self.refresh)
        kit.i18n.bind(self, self.refresh)
        self.refresh()

    def state(self) -> str:
        """What is said of it."""
        return self._chip.words()

    def lies(self) -> str:
        """What is said of what lies on it."""
        return self._lies.words()

    def refresh(self) -> None:
        """Shows what is true now."""
        words, scale = self._room.words(), self._sources.scale
        retry_s = self._sources.retry_s.get("scale", 0)
        seen = serial_view(scale.state if scale else "off", self._sources.scale_port, retry_s, words)
        self._chip.show_state(seen.state, seen.text)
        is_there = scale is not None and scale.state == "ready"
        self._lies.setText(scale_view(scale.last, words) if scale is not None and is_there else "")
        self.turn_off.setVisible(scale is not None)

    def _turn_on(self) -> None:
        port, baud = self.port.text, self.baud.text
        if not port or (port == self._sources.serial_port and self._sources.serial is not None):
            self.port.complain("sources.scale_which")
        elif not (baud.isdecimal() and 0 < int(baud) <= _BAUDS_MOST):
            self.baud.complain("sources.serial_baud_bad")
        else:
            self.port.forgive()
            self.baud.forgive()
            self._sources.use_scale(True, port, int(baud))
