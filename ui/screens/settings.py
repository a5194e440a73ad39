"""This computer's own settings: language and look, printer, scanner, sound, person."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.core.values import dataclass
from app.station.kiosk import Kiosk
from ui.joint import Printers
from ui.scan_sources import ScanSources
from ui.screens.form_parts import choice, tick, tight, titled
from ui.screens.kiosk_card import KioskCard
from ui.screens.printer_card import PrinterCard
from ui.screens.room import Room
from ui.screens.scale_card import ScaleCard
from ui.screens.scanner_card import ScannerCard
from ui.sounds import Tone
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import pad, row
from ui.widgets.page import Page
from ui.widgets.plain_label import PlainLabel

#: Sounds a person can try, with their words.
SOUNDS: tuple[tuple[Tone, str], ...] = (
    ("ok", "station.set_sound_ok"),
    ("wrong", "station.set_sound_wrong"),
    ("too_many", "station.set_sound_many"),
    ("stop", "station.set_sound_stop"),
)
#: The wide card of the scanners comes after so many others.
_BEFORE_SCANNERS = 2
#: Desks at which the state of the shops is somebody's affair; the ops desk shows nothing else.
_SEES_SHOPS = frozenset({"supervisor", "service"})


@dataclass(frozen=True, slots=True)
class About:
    """What is shown of this station."""

    hub_url: str
    name: str
    folder: Path
    version: str


class SettingsPage(Page):
    """``finished`` goes back to the desk. A scan while this page is in front is shown, not worked on."""

    finished = Signal()
    person_wanted = Signal()
    import_wanted = Signal()
    shops_wanted = Signal()
    check_wanted = Signal()

    def __init__(
        self,
        room: Room,
        printers: Printers,
        about: About,
        play: Callable[[Tone], object],
        kiosk: Kiosk,
        sources: ScanSources,
    ) -> None:
        super().__init__()
        self._room = room
        self._play = play
        kit = room.kit
        inner = QWidget()
        grid = QGridLayout(inner)
        pad(kit, grid, gap="space.m")
        self.printer = PrinterCard(room, printers, about.folder)
        self.kiosk = KioskCard(room, kiosk)
        self.scanner = ScannerCard(room, sources)
        self.scale = ScaleCard(room, sources)
        self.scanner.check.clicked.connect(self.check_wanted)
        cards = (
            self._look(),
            self.printer,
            self._sound(),
            self._intake(),
            *((self._shops(),) if room.core.kind in _SEES_SHOPS else ()),
            self.scale,
            self.kiosk,
            self._about(about),
        )
        for at, card in enumerate(cards):
            grid.addWidget(card, at // 2 + (at >= _BEFORE_SCANNERS), at % 2)
        grid.addWidget(self.scanner, _BEFORE_SCANNERS // 2, 0, 1, 2)
        grid.setRowStretch(len(cards), 1)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        title = titled(kit, "station.settings_title", "heading")
        back = BigButton(kit, "station.back_to_desk", role="main", key="Esc")
        back.clicked.connect(self.finished)
        head = row(kit, title, gap="space.m")
        head.addStretch(1)
        head.addWidget(back)
        layout = QVBoxLayout(self)
        pad(kit, layout, "space.l", "space.m")
        layout.addLayout(head)
        layout.addWidget(scroll, 1)

    def scan(self, raw: str) -> None:
        """What the scanner sends, so that a person sees whether it is set up right."""
        self.scanner.show_read(raw)

    def words_of_scanner(self) -> str:
        """What is said about the scanner's last read."""
        return self.scanner.read.words()

    # -- cards ---------------------------------------------------------------------------------------------

    def _card(self, title_key: str, text_key: str = "") -> Card:
        kit = self._room.kit
        card = Card(kit, margin="space.l", gap="space.s")
        card.body.addWidget(titled(kit, title_key))
        if text_key:
            card.body.addWidget(titled(kit, text_key, "muted", wrap=True))
        return card

    def _look(self) -> Card:
        kit = self._room.kit
        card = self._card("station.set_language")
        zh, en = choice(kit, "station.set_chinese"), choice(kit, "station.set_english")
        zh.clicked.connect(lambda: kit.i18n.switch("zh"))
        en.clicked.connect(lambda: kit.i18n.switch("en"))
        light, dark = choice(kit, "station.set_light"), choice(kit, "station.set_dark")
        light.clicked.connect(lambda: kit.theme.set_mode("light"))
        dark.clicked.connect(lambda: kit.theme.set_mode("dark"))
        kit.i18n.bind(card, lambda: tick(kit.i18n.lang == "zh", zh, en))
        kit.theme.bind(card, lambda: tick(kit.theme.mode == "light", light, dark))
        card.body.addLayout(tight(row(kit, zh, en, gap="space.s")))
        card.body.addWidget(titled(kit, "station.set_look"))
        card.body.addLayout(tight(row(kit, light, dark, gap="space.s")))
        card.body.addStretch(1)
        return card

    def _sound(self) -> Card:
        kit = self._room.kit
        card = self._card("station.set_sound", "station.set_sound_try")
        line = row(kit, gap="space.s")
        for name, key in SOUNDS:
            button = BigButton(kit, key, icon="sound")
            button.clicked.connect(partial(self._play, name))
            line.addWidget(button)
        card.body.addLayout(tight(line))
        card.body.addStretch(1)
        return card

    def _intake(self) -> Card:
        kit = self._room.kit
        card = self._card("intake.title", "intake.set_text")
        go = BigButton(kit, "intake.choose", icon="import")
        go.clicked.connect(self.import_wanted)
        card.body.addLayout(tight(row(kit, go)))
        card.body.addStretch(1)
        return card

    def _shops(self) -> Card:
        kit = self._room.kit
        card = self._card("ops.title", "ops.title_text")
        go = BigButton(kit, "ops.open", icon="shop")
        go.clicked.connect(self.shops_wanted)
        card.body.addLayout(tight(row(kit, go)))
        card.body.addStretch(1)
        return card

    def _about(self, about: About) -> Card:
        kit = self._room.kit
        card = self._card("station.set_about")
        rows = (
            ("station.set_station", about.name),
            ("station.set_hub", about.hub_url),
            ("station.set_data", str(about.folder)),
            ("station.set_version", about.version),
        )
        grid = QGridLayout()
        pad(kit, grid, gap="space.s")
        grid.setColumnStretch(1, 1)
        for at, (key, value) in enumerate(rows):
            name, shown = titled(kit, key, "muted"), PlainLabel(value, wrap=True)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            grid.addWidget(name, at, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(shown, at, 1)
        card.body.addLayout(grid)
        sign = BigButton(kit, "station.sign_title", icon="person")
        sign.clicked.connect(self.person_wanted)
        card.body.addLayout(tight(row(kit, sign)))
        card.body.addStretch(1)
        return card
