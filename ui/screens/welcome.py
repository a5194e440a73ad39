"""The first start: this computer alone, or join a hub (design 1.2). Nothing else is asked."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.ports import HubAway, HubTrouble, NotAllowed, UpdateMe
from app.station.bench import Identity
from app.wire import StationKind
from ui.joint import HubNotStarted, StartHub
from ui.kit import Kit
from ui.screens.form_parts import ChoiceCard, Field, titled
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import column, pad, row
from ui.widgets.page import Page
from ui.widgets.plain_label import PlainLabel
from ui.work import Job

KINDS: tuple[tuple[StationKind, str], ...] = (
    ("packing", "box"),
    ("supervisor", "bell"),
    ("service", "search"),
)
PASSWORD_LEAST = 8
CODE_LENGTH = 8


class WelcomePage(Page):
    """Ends with the pairing: whoever listens to the core's pairing puts the desk in its place. A way back stands
    on every page, and everything that takes time can be stopped."""

    def __init__(
        self, room: Room, folder: Path, start_hub: StartHub, kind: StationKind, hub_url: str = ""
    ) -> None:
        super().__init__()
        self._room = room
        self._folder = folder
        self._start_hub = start_hub
        self._kind: StationKind = kind
        self._job: Job | None = None
        self._alone = False
        kit = room.kit
        self._pages = QStackedWidget()
        self._cards: dict[str, ChoiceCard] = {}
        for page in (self._how_page(), self._alone_page(), self._join_page(), self._wait_page()):
            self._pages.addWidget(page)
        if hub_url:
            self.address.edit.setText(hub_url)
            self.show_join()
        layout = QVBoxLayout(self)
        pad(kit, layout, "space.l")
        layout.addWidget(self._pages, 1)

    def scan(self, raw: str) -> None:
        """A pairing code shown as a bar code can be scanned."""
        if self._pages.currentIndex() == 2:
            self.code.edit.setText(raw)
            self.code.forgive()

    def show_how(self) -> None:
        self._pages.setCurrentIndex(0)

    def show_alone(self) -> None:
        self._pages.setCurrentIndex(1)

    def show_join(self) -> None:
        self._pages.setCurrentIndex(2)

    # -- pages ---------------------------------------------------------------------------------------------

    def _how_page(self) -> QWidget:
        kit = self._room.kit
        alone = ChoiceCard(kit, "box", "station.alone", "station.alone_text")
        join = ChoiceCard(kit, "sync", "station.join", "station.join_text")
        alone.pressed.connect(self.show_alone)
        join.pressed.connect(self.show_join)
        logo = _Logo(kit)
        title = titled(kit, "station.welcome", "display", wrap=True)
        text = titled(kit, "station.welcome_text", "lead", wrap=True)
        box = column(kit, gap="space.l")
        box.addStretch(2)
        head = row(kit, logo, gap="space.l")
        head.addLayout(column(kit, title, text, gap="space.xs"), 1)
        box.addLayout(head)
        box.addSpacing(kit.theme.px("space.l"))
        box.addLayout(row(kit, alone, join, gap="space.l"))
        box.addStretch(3)
        return _centred(kit, box)

    def _alone_page(self) -> QWidget:
        kit = self._room.kit
        self.alone_name = Field(kit, "station.alone_name", "station.join_name_hint")
        self.password = Field(kit, "station.alone_password", secret=True)
        self.start = BigButton(kit, "station.alone_go", role="main", tall=True)
        self.start.clicked.connect(self._start_alone)
        self.password.entered.connect(self.start.click)
        fields = (self.alone_name, self.password)
        return self._form("station.alone", "station.alone_text", fields, self.start)

    def _join_page(self) -> QWidget:
        kit = self._room.kit
        self.address = Field(kit, "station.join_address", "station.join_address_hint")
        self.code = Field(kit, "station.join_code")
        self.name = Field(kit, "station.join_name", "station.join_name_hint")
        self.join = BigButton(kit, "station.join_go", role="main", tall=True)
        self.join.clicked.connect(self._join)
        self.name.entered.connect(self.join.click)
        return self._form(
            "station.join", "station.join_text", (self.address, self.code, self.name), self.join, kinds=False
        )

    def _form(
        self, title_key: str, text_key: str, fields: tuple[Field, ...], go: BigButton, *, kinds: bool = True
    ) -> QWidget:
        kit = self._room.kit
        title = titled(kit, title_key, "heading")
        text = titled(kit, text_key, "muted", wrap=True)
        back = BigButton(kit, "station.back", role="quiet", tall=True)
        back.clicked.connect(self.show_how)
        box = column(kit, title, text, gap="space.m")
        if kinds:
            box.addWidget(self._kinds())
        card = Card(kit, margin="space.l", gap="space.m")
        for field in fields:
            card.body.addWidget(field)
        acts = row(kit, go, back, gap="space.s")
        acts.addStretch(1)
        card.body.addLayout(acts)
        box.addWidget(card)
        box.addStretch(1)
        return _centred(kit, box)

    def _kinds(self) -> QWidget:
        kit = self._room.kit
        ask = titled(kit, "station.kind_title", "lead")
        line = row(kit, gap="space.m")
        for kind, icon in KINDS:
            card = ChoiceCard(kit, icon, f"states.kind_{kind}", f"station.kind_{kind}_text")
            card.pressed.connect(partial(self._choose_kind, kind))
            self._cards[kind] = card
            line.addWidget(card)
        panel = QWidget()
        box = column(kit, ask, gap="space.s")
        box.addLayout(line)
        panel.setLayout(box)
        self._choose_kind(self._kind)
        return panel

    def _wait_page(self) -> QWidget:
        kit = self._room.kit
        self._doing = PlainLabel(role="heading")
        hint = titled(kit, "station.starting_wait", "muted", wrap=True)
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        stop = BigButton(kit, "station.cancel")
        stop.clicked.connect(self._stop_waiting)
        kit.i18n.bind(self._doing, self._say_doing)
        box = column(kit, gap="space.m")
        box.addStretch(2)
        for widget in (self._doing, hint, bar):
            box.addWidget(widget)
        acts = row(kit, stop)
        acts.addStretch(1)
        box.addLayout(acts)
        box.addStretch(3)
        return _centred(kit, box)

    # -- acting --------------------------------------------------------------------------------------------

    def _choose_kind(self, kind: StationKind) -> None:
        self._kind = kind
        for other, card in self._cards.items():
            card.set_chosen(other == kind)

    def _start_alone(self) -> None:
        name, password = self.alone_name.text, self.password.edit.text()
        if not name:
            name = self._room.kit.i18n.tr(f"states.kind_{self._kind}")
        if len(password) < PASSWORD_LEAST:
            self.password.complain("station.alone_password_bad")
            return
        self._wait(alone=True)
        core, kind = self._room.core, self._kind

        async def start() -> Identity:
            hub = await self._start_hub(self._folder / "hub", kind, password)
            return await core.pair(hub.url, hub.code, name)

        self._job = self._room.work.run(start, self._done, self._failed, owner=self)

    def _join(self) -> None:
        address, code, name = self.address.text.rstrip("/"), "".join(self.code.text.split()), self.name.text
        if key := address_trouble(address):
            self.address.complain(key)
            return
        if len(code.replace("-", "")) != CODE_LENGTH:
            self.code.complain("station.code_bad")
            return
        if not name:
            self.name.complain("station.name_bad")
            return
        self._wait(alone=False)
        core = self._room.core
        self._job = self._room.work.run(
            lambda: core.pair(address, code, name), self._done, self._failed, owner=self
        )

    def _wait(self, *, alone: bool) -> None:
        self._alone = alone
        self._say_doing()
        self._pages.setCurrentIndex(3)

    def _say_doing(self) -> None:
        self._doing.setText(
            self._room.kit.i18n.tr("station.starting_hub" if self._alone else "station.joining")
        )

    def _stop_waiting(self) -> None:
        if self._job is not None:
            self._job.cancel()
        self._pages.setCurrentIndex(1 if self._alone else 2)

    def _done(self, identity: Identity) -> None:
        self.password.edit.clear()

    def _failed(self, error: Exception) -> None:
        self._stop_waiting()
        say = self._room.kit.i18n.say
        match error:
            case HubNotStarted():
                self._room.bar.error(say("station.hub_failed", log=str(error.log)), key="join")
            case HubAway():
                self._room.bar.error(say("station.hub_silent", address=self.address.text), key="join")
            case NotAllowed():
                self.code.complain("station.code_refused")
            case UpdateMe():
                self._room.bar.error(say("station.hub_newer"), key="join")
            case HubTrouble() if error.text:
                self._room.bar.error(error.text, key="join")
            case _:
                self._room.trouble(error)


def address_trouble(address: str) -> str:
    """The text key of what is wrong with a hub's address, "" when nothing is: plain HTTP is for this computer only."""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "station.address_bad"
    if parts.scheme == "http" and not _is_here(parts.hostname):
        return "station.address_plain"
    return ""


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class _Logo(QLabel):
    """Our mark, sharp at every scale."""

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        kit.theme.bind(self, self._draw)

    def _draw(self) -> None:
        theme = self._kit.theme
        self.setPixmap(theme.pixmap("orderdock", "text", theme.px("size.icon_xl"), self.devicePixelRatioF()))


def _centred(kit: Kit, box: QVBoxLayout) -> QWidget:
    """A column of readable width in the middle; it scrolls where the window is small."""
    inner = QWidget()
    line = QHBoxLayout(inner)
    line.addStretch(1)
    line.addLayout(box, 6)
    line.addStretch(1)
    scroll = QScrollArea(widgetResizable=True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setWidget(inner)
    return scroll
