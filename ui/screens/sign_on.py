"""Signing on: a badge scan, or name and password. The window stays what it is; nothing is locked behind it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from app.ports import HubAway, HubTrouble
from app.wire import Session
from ui.screens.form_parts import Field
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import pad, row
from ui.widgets.page import Page
from ui.widgets.plain_label import PlainLabel


class SignOnPage(Page):
    """``finished`` when somebody is signed on, signed off, or went back."""

    finished = Signal()

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        kit = room.kit
        card = Card(kit, margin="space.xl", gap="space.m")
        title, text = PlainLabel(role="heading"), PlainLabel(role="muted", wrap=True)
        self._who = PlainLabel(role="lead")
        self.user = Field(kit, "station.sign_user")
        self.password = Field(kit, "station.sign_password", secret=True)
        self.go = BigButton(kit, "station.sign_go", role="main", locks=True)
        self._out = BigButton(kit, "station.sign_out", role="plain", locks=True)
        back = BigButton(kit, "station.back_to_desk", role="quiet")
        for widget in (title, text, self._who, self.user, self.password):
            card.body.addWidget(widget)
        card.body.addLayout(row(kit, self.go, self._out, back, gap="space.s"))
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(card, 2)
        middle.addStretch(1)
        layout = QVBoxLayout(self)
        pad(kit, layout, "space.l")
        layout.addStretch(1)
        layout.addLayout(middle)
        layout.addStretch(2)
        self.go.clicked.connect(self._sign_in)
        self._out.clicked.connect(self._sign_out)
        self.user.entered.connect(lambda: self.password.edit.setFocus(Qt.FocusReason.OtherFocusReason))
        self.password.entered.connect(self.go.click)
        back.clicked.connect(self.finished)
        kit.i18n.bind(self, lambda: title.setText(kit.i18n.tr("station.sign_title")))
        kit.i18n.bind(self, lambda: text.setText(kit.i18n.tr("station.sign_text")))
        kit.i18n.bind(self, self.refresh)

    def refresh(self) -> None:
        """Who is signed on now."""
        core, words = self._room.core, self._room.words()
        role = words.maybe(f"roles.{core.role}", "")
        signed = words.tr("station.signed_as", user=core.person, role=role)
        self._who.setText(signed if core.person else words.tr("station.signed_nobody"))
        self._out.setVisible(bool(core.person))

    def badge(self, secret: str) -> None:
        """A badge was scanned."""
        core = self._room.core
        self._room.work.run(
            lambda: core.sign_in_badge(secret), self._signed_in, self._badge_failed, owner=self
        )

    def _sign_in(self) -> None:
        if not self.user.text:
            self.user.complain("station.sign_name_missing")
            self.go.unlock()
            return
        core, user, password = self._room.core, self.user.text, self.password.edit.text()
        self._room.work.run(lambda: core.sign_in(user, password), self._signed_in, self._failed, owner=self)

    def _signed_in(self, session: Session) -> None:
        self.go.unlock()
        self.password.edit.clear()
        say = self._room.kit.i18n.say
        self._room.bar.success(say("station.sign_hello", user=session.user or self._room.core.person))
        self.refresh()
        self.finished.emit()

    def _failed(self, error: Exception) -> None:
        self.go.unlock()
        self.password.edit.clear()
        if isinstance(error, HubAway):
            self.password.complain("station.sign_offline")
        elif isinstance(error, HubTrouble):
            self.password.complain("station.sign_wrong")
        else:
            self._room.trouble(error)

    def _badge_failed(self, error: Exception) -> None:
        if isinstance(error, HubTrouble):
            key = "station.sign_offline" if isinstance(error, HubAway) else "station.sign_badge_wrong"
            self._room.bar.warn(self._room.kit.i18n.say(key), key="badge")
        else:
            self._room.trouble(error)

    def _sign_out(self) -> None:
        core = self._room.core
        self._room.work.run(core.sign_out, lambda _: self._signed_out(), self._room.trouble, owner=self)

    def _signed_out(self) -> None:
        self._out.unlock()
        self.refresh()
        self.finished.emit()
