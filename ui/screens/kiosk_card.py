"""The settings of a kiosk: whether the next start is one, the code that closes it, and closing it now."""

from __future__ import annotations

from app.station.kiosk import MAY_LEAVE, Kiosk
from ui.screens.form_parts import Field, choice, tick, tight, titled
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import row


class KioskCard(Card):
    """In a kiosk only those who may close it change it; ``close_now`` asks for the window's end like any other."""

    def __init__(self, room: Room, kiosk: Kiosk) -> None:
        kit = room.kit
        super().__init__(kit, margin="space.l", gap="space.s")
        self._room, self._kiosk = room, kiosk
        self.on, self.off = choice(kit, "station.kiosk_on"), choice(kit, "station.kiosk_off")
        self.on.clicked.connect(lambda: self._want(True))
        self.off.clicked.connect(lambda: self._want(False))
        self.code = Field(kit, "station.kiosk_code", "station.kiosk_code_hint", secret=True)
        self.keep = BigButton(kit, "station.kiosk_code_keep")
        self.keep.clicked.connect(self._keep_code)
        self.code.entered.connect(self.keep.click)
        self.close_now = BigButton(kit, "station.kiosk_close", icon="close")
        self.body.addWidget(titled(kit, "station.kiosk_title"))
        self.body.addWidget(titled(kit, "station.kiosk_text", "muted", wrap=True))
        self.body.addLayout(tight(row(kit, self.on, self.off, self.close_now, gap="space.s")))
        self.body.addWidget(self.code)
        self.body.addLayout(tight(row(kit, self.keep)))
        self.body.addStretch(1)
        self.close_now.setVisible(
            kiosk.is_on
        )  # not before it has its place: it would be a window for a moment
        self.refresh()

    def refresh(self) -> None:
        tick(self._kiosk.is_wanted, self.on, self.off)
        may = not self._kiosk.is_on or self._room.core.role in MAY_LEAVE
        why = None if may else self._room.kit.i18n.say("station.kiosk_not_you")
        for button in (self.on, self.off, self.keep):
            button.forbid(why)

    def _want(self, wanted: bool) -> None:
        self._kiosk.want(wanted)
        self.refresh()
        said = "station.kiosk_next" if wanted else "station.kiosk_next_not"
        self._room.bar.success(self._room.kit.i18n.say(said))

    def _keep_code(self) -> None:
        typed = self.code.text
        if not (typed.isdecimal() or not typed) or not self._kiosk.set_code(
            typed, self._room.core.bench.new_id()
        ):
            self.code.complain("station.kiosk_code_bad")
            return
        self.code.edit.clear()
        said = "station.kiosk_code_kept" if typed else "station.kiosk_code_gone"
        self._room.bar.success(self._room.kit.i18n.say(said))
