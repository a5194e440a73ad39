"""The scanners of this computer: which there are, how each does, what each read last; port, camera, key layout."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ui.present.sources import camera_view, last_view, serial_view
from ui.scan_sources import ScanSources
from ui.screens.form_parts import Field, choice, tight, titled
from ui.screens.room import Room
from ui.us_keys import LAYOUTS
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import column, row
from ui.widgets.plain_label import PlainLabel
from ui.widgets.state_chip import StateChip

_BAUDS_MOST = 4_000_000
_KINDS = ("keyboard", "serial", "camera")


class ScannerCard(Card):
    """Everything holds as it is pressed. What is scanned while it is in front is shown, not worked on."""

    def __init__(self, room: Room, sources: ScanSources) -> None:
        super().__init__(room.kit, margin="space.l", gap="space.s")
        self._room, self._sources = room, sources
        kit = room.kit
        self.read = PlainLabel(role="lead", wrap=True)
        self._text = ""
        self._chips = {kind: StateChip(kit) for kind in _KINDS}
        self._lasts = {kind: PlainLabel(role="muted", wrap=True) for kind in _KINDS}
        self.layouts = {layout: choice(kit, f"sources.layout_{layout}") for layout in LAYOUTS}
        self.port = Field(kit, "sources.serial_port", "sources.serial_hint")
        self.baud = Field(kit, "sources.serial_baud")
        self._ports = PlainLabel(role="muted", wrap=True)
        self.camera = Field(kit, "sources.camera_which", "sources.camera_hint")
        self.serial_on, self.serial_off = (
            BigButton(kit, "sources.turn_on"),
            BigButton(kit, "sources.turn_off"),
        )
        self.camera_on, self.camera_off = (
            BigButton(kit, "sources.turn_on"),
            BigButton(kit, "sources.turn_off"),
        )
        self.proofs = choice(kit, "sources.proofs_all")
        self.again = BigButton(kit, "sources.again")
        self.check = BigButton(kit, "scanner.open", icon="scanner")
        self.port.edit.setText(sources.serial_port)
        self.baud.edit.setText(str(sources.serial_baud))
        self.camera.edit.setText(sources.camera_name)
        self._lay_out()
        self._join()
        self.refresh()

    def show_read(self, text: str) -> None:
        """What the scanner sent, so that a person sees whether it is set up right."""
        self._text = text
        self.read.set_state("ok")
        self._render_read()

    def state(self, kind: str) -> str:
        """What is said of "keyboard", "serial" or "camera"."""
        return self._chips[kind].words()

    def last(self, kind: str) -> str:
        """What is said of its last read."""
        return self._lasts[kind].words()

    def refresh(self) -> None:
        """Shows what is true now."""
        words, sources = self._room.words(), self._sources
        self._chips["keyboard"].show_state("ok", words.tr("sources.keyboard_ready"))
        serial, camera = sources.serial, sources.camera
        seen = serial_view(
            serial.state if serial else "off", sources.serial_port, sources.retry_s.get("serial", 0), words
        )
        self._chips["serial"].show_state(seen.state, seen.text)
        seen = camera_view(
            camera.state if camera else "off",
            camera.why if camera else "",
            sources.retry_s.get("camera", 0),
            words,
            has_zbar=camera is None or camera.has_zbar,
        )
        self._chips["camera"].show_state(seen.state, seen.text)
        for kind, label in self._lasts.items():
            last = sources.last(kind)
            now = self._room.now()
            label.setText(last_view(last.text if last else None, last.at if last else None, words, now))
        for layout, button in self.layouts.items():
            button.setChecked(layout == sources.layout)
        self.proofs.setChecked(sources.keeps_all_proofs)
        self.serial_off.setVisible(serial is not None)
        self.camera_off.setVisible(camera is not None)
        self.again.setVisible(camera is not None and camera.state in ("missing", "given_up"))

    # -- making ----------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        kit = self._room.kit
        head = row(kit, titled(kit, "station.set_scanner"), gap="space.m")
        head.addStretch(1)
        head.addWidget(self.check)
        self.body.addLayout(head)
        self.body.addWidget(titled(kit, "station.set_scanner_text", "muted", wrap=True))
        self.body.addWidget(self.read)
        layouts = tight(row(kit, *self.layouts.values(), gap="space.s"))
        serial = tight(row(kit, self.serial_on, self.serial_off, gap="space.s"))
        camera = tight(row(kit, self.camera_on, self.camera_off, self.again, gap="space.s"))
        proofs = tight(row(kit, self.proofs, gap="space.s"))
        side_by_side = row(kit, gap="space.xl")
        for part in (
            self._part("keyboard", titled(kit, "sources.layout", "muted"), layouts),
            self._part("serial", row(kit, self.port, self.baud, gap="space.s"), self._ports, serial),
            self._part(
                "camera", self.camera, camera, titled(kit, "sources.proofs", "muted", wrap=True), proofs
            ),
        ):
            side_by_side.addLayout(part, 1)
        self.body.addLayout(side_by_side)

    def _part(self, kind: str, *below: QWidget | QHBoxLayout) -> QVBoxLayout:
        """One source: its name, how it does, what it read last, and what can be set."""
        kit = self._room.kit
        part = column(kit, titled(kit, f"sources.{kind}"), gap="space.s")
        part.addLayout(tight(row(kit, self._chips[kind])))
        part.addWidget(self._lasts[kind])
        for one in below:
            if isinstance(one, QWidget):
                part.addWidget(one)
            else:
                part.addLayout(one)
        part.addStretch(1)
        return part

    def _join(self) -> None:
        kit = self._room.kit
        for layout, button in self.layouts.items():
            button.clicked.connect(partial(self._sources.use_layout, layout))
        self.serial_on.clicked.connect(self._use_serial)
        self.port.entered.connect(self._use_serial)
        self.serial_off.clicked.connect(
            lambda: self._sources.use_serial(False, self._sources.serial_port, self._sources.serial_baud)
        )
        self.camera_on.clicked.connect(self._use_camera)
        self.camera.entered.connect(self._use_camera)
        self.camera_off.clicked.connect(lambda: self._sources.use_camera(False, self._sources.camera_name))
        self.again.clicked.connect(self._try_again)
        self.proofs.clicked.connect(lambda: self._sources.keep_all_proofs(not self._sources.keeps_all_proofs))
        self._sources.changed.connect(self.refresh)
        self._sources.heard.connect(self.refresh)
        kit.ticker.tick.connect(self.refresh)
        kit.i18n.bind(self, self.refresh)
        kit.i18n.bind(self.read, self._render_read)
        kit.i18n.bind(self._ports, self._show_ports)

    def _render_read(self) -> None:
        tr = self._room.kit.i18n.tr
        if self._text:
            self.read.setText(tr("station.set_scanner_read", text=self._text, length=len(self._text)))
        else:
            self.read.setText(tr("station.set_scanner_none"))

    def _show_ports(self) -> None:
        from ui.scanner_serial import ports

        tr, found = self._room.kit.i18n.tr, ports()
        self._ports.setText(
            tr("sources.serial_found", names=", ".join(found)) if found else tr("sources.serial_none")
        )

    # -- acting ----------------------------------------------------------------------------------------------

    def _use_serial(self) -> None:
        self._show_ports()
        if not self.port.text:
            self.port.complain("sources.serial_which")
        elif not (self.baud.text.isdecimal() and 0 < int(self.baud.text) <= _BAUDS_MOST):
            self.baud.complain("sources.serial_baud_bad")
        else:
            self.port.forgive()
            self.baud.forgive()
            self._sources.use_serial(True, self.port.text, int(self.baud.text))

    def _use_camera(self) -> None:
        name = self.camera.text or "0"
        self.camera.edit.setText(name)
        self._sources.use_camera(True, name)

    def _try_again(self) -> None:
        if self._sources.camera is not None:
            self._sources.camera.again()
