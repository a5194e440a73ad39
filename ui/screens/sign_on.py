"""Signing on: a badge scan, or name and password. The window stays what it is; nothing is locked behind it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.ports import HubAway, HubTrouble
from app.station.badges import BadgeRead, BadgeResult
from app.wire import Session
from ui.screens.form_parts import Field, titled
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import column, pad, row
from ui.widgets.page import Page
from ui.widgets.plain_label import PlainLabel


class SignOnForm(QWidget):
    """Name and password with their button; ``signed_on`` when somebody is. Others may add buttons to ``acts``."""

    signed_on = Signal()

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        kit = room.kit
        self.user = Field(kit, "station.sign_user")
        self.password = Field(kit, "station.sign_password", secret=True)
        self.go = BigButton(kit, "station.sign_go", role="main", locks=True)
        self.acts = row(kit, self.go, gap="space.s")
        self.acts.addStretch(1)
        box = column(kit, self.user, self.password, gap="space.m")
        box.addLayout(self.acts)
        self.setLayout(box)
        self.go.clicked.connect(self._sign_in)
        self.user.entered.connect(lambda: self.password.edit.setFocus(Qt.FocusReason.OtherFocusReason))
        self.password.entered.connect(self.go.click)

    def badge(self, secret: str) -> None:
        """A badge was scanned: on, off again, or another person takes over. What lies open stays open."""
        core = self._room.core
        self._room.work.run(lambda: core.badge(secret), self._badge_read, self._badge_failed, owner=self)

    def _badge_read(self, read: BadgeRead) -> None:
        if read.result is BadgeResult.again:
            return
        say, bar = self._room.kit.i18n.say, self._room.bar
        words = say(f"station.badge_{read.result}", user=read.name)
        if read.result in (BadgeResult.unchecked, BadgeResult.unknown_now):
            bar.warn(words, key="badge")
        else:
            bar.resolve("badge")
            bar.success(words)
        self.signed_on.emit()

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
        self.user.forgive()
        self.password.forgive()
        say = self._room.kit.i18n.say
        self._room.bar.success(say("station.sign_hello", user=session.user or self._room.core.person))
        self.signed_on.emit()

    def _failed(self, error: Exception) -> None:
        self.go.unlock()
        self.password.edit.clear()
        if isinstance(error, HubAway) and error.text:
            # the hub is there and takes no password now, not even the right one: it says for how long
            self.password.complain("station.sign_wait", why=error.text)
        elif isinstance(error, HubAway):
            self.password.complain("station.sign_offline")
        elif isinstance(error, HubTrouble):
            self.password.complain("station.sign_wrong")
        else:
            self._room.trouble(error)

    def _badge_failed(self, error: Exception) -> None:
        if isinstance(error, HubTrouble):
            say = self._room.kit.i18n.say
            away = isinstance(error, HubAway)
            words = say("station.badge_wait", why=error.text) if away else say("station.sign_badge_wrong")
            self._room.bar.warn(words, key="badge")
        else:
            self._room.trouble(error)


class SignOnPage(Page):
    """``finished`` when somebody is signed on, signed off, or went back."""

    finished = Signal()

    def __init__(self, room: Room) -> None:
        super().__init__()
        self._room = room
        kit = room.kit
        card = Card(kit, margin="space.xl", gap="space.m")
        self._who = PlainLabel(role="lead")
        self.form = SignOnForm(room)
        self._out = BigButton(kit, "station.sign_out", role="plain", locks=True)
        back = BigButton(kit, "station.back_to_desk", role="quiet", key="Esc")
        self.form.acts.insertWidget(1, self._out)
        self.form.acts.insertWidget(2, back)
        for widget in (
            titled(kit, "station.sign_title", "heading"),
            titled(kit, "station.sign_text", "muted", wrap=True),
            self._who,
            self.form,
        ):
            card.body.addWidget(widget)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(card, 2)
        middle.addStretch(1)
        layout = QVBoxLayout(self)
        pad(kit, layout, "space.l")
        layout.addStretch(1)
        layout.addLayout(middle)
        layout.addStretch(2)
        self.form.signed_on.connect(self._signed_on)
        self._out.clicked.connect(self._sign_out)
        back.clicked.connect(self.finished)
        kit.i18n.bind(self, self.refresh)

    def refresh(self) -> None:
        """Who is signed on now."""
        core, words = self._room.core, self._room.words()
        role = words.maybe(f"roles.{core.role}", "")
        signed = words.tr("station.signed_as", user=core.person, role=role)
        unchecked = words.tr("station.badge_unchecked", user=core.person)
        self._who.setText(
            (unchecked if core.is_unchecked else signed) if core.person else words.tr("station.signed_nobody")
        )
        self._out.setVisible(bool(core.person))

    def _signed_on(self) -> None:
        self.refresh()
        self.finished.emit()

    def _sign_out(self) -> None:
        core = self._room.core
        self._room.work.run(core.sign_out, lambda _: self._signed_out(), self._sign_out_failed, owner=self)

    def _sign_out_failed(self, error: Exception) -> None:
        """The hub could not be told; here nobody is signed on any more."""
        if not isinstance(error, HubTrouble):
            self._room.trouble(error)
        self._signed_out()

    def _signed_out(self) -> None:
        self._out.unlock()
        self.refresh()
        self.finished.emit()
