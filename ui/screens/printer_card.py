"""The slip printer of this computer: where it is, how wide its paper, whether it prints."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal

from app.station.slips import PAPER_MM, PAPERS_MM, paper_mm
from ui.joint import BadPrinter, Printers
from ui.kept import PRINTER_ADDRESS, SLIPS_AT_ONCE
from ui.present.printer import address_of
from ui.screens.form_parts import Field, choice, tick, tight, titled
from ui.screens.room import Room
from ui.tokens import State
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import row
from ui.widgets.plain_label import PlainLabel
from ui.widgets.state_chip import StateChip

_WIDE, _NARROW = PAPERS_MM
_SLIPS_MOST = 50
#: How the lamp of the strip looks for what a printer says; whatever else is told is a stop.
_LOOKS: dict[str, State] = {"ready": "ok", "busy": "ok", "paper_low": "wait", "unknown": "wait"}


class PrinterCard(Card):
    """Everything is kept as it is pressed and holds for the next slip. ``folder``: of this station, for papers
    without a printer."""

    slips_changed = Signal(int)

    def __init__(self, room: Room, printers: Printers, folder: Path) -> None:
        super().__init__(room.kit, margin="space.l", gap="space.s")
        self._room, self._printers, self._folder = room, printers, folder
        kit, outbox = room.kit, room.core.outbox
        self.address = Field(kit, "station.set_address", "station.set_printer_hint")
        self.address.edit.setText(outbox.setting(PRINTER_ADDRESS))
        self.save = BigButton(kit, "station.set_save", role="main")
        self.test = BigButton(kit, "station.set_test_print", icon="printer", locks=True)
        self.keep = BigButton(kit, "station.set_keep_papers")
        self.wide, self.narrow = choice(kit, "station.set_paper_80"), choice(kit, "station.set_paper_58")
        self._state = StateChip(kit, "wait", "")
        self._count = PlainLabel(outbox.setting(SLIPS_AT_ONCE, "5"), "title")
        fewer, more = BigButton(kit, "station.set_fewer"), BigButton(kit, "station.set_more")

        self.save.clicked.connect(self._save)
        self.address.entered.connect(self._save)
        self.test.clicked.connect(self._test_print)
        self.keep.clicked.connect(self._keep_papers)
        self.wide.clicked.connect(lambda: self._use_paper(_WIDE))
        self.narrow.clicked.connect(lambda: self._use_paper(_NARROW))
        fewer.clicked.connect(lambda: self._change_count(-1))
        more.clicked.connect(lambda: self._change_count(1))

        self.body.addWidget(titled(kit, "station.set_slip_printer"))
        self.body.addWidget(titled(kit, "station.set_printer_text", "muted", wrap=True))
        self.body.addWidget(self.address)
        self.body.addLayout(tight(row(kit, self._state)))
        self.body.addLayout(tight(row(kit, self.save, self.test, self.keep, gap="space.s")))
        paper = titled(kit, "station.set_paper", "muted")
        self.body.addLayout(tight(row(kit, paper, self.wide, self.narrow, gap="space.s")))
        count = titled(kit, "station.set_next_count", "muted")
        self.body.addLayout(tight(row(kit, count, fewer, self._count, more, gap="space.s")))
        self.body.addStretch(1)
        tick(paper_mm(outbox) == _WIDE, self.wide, self.narrow)
        kit.i18n.bind(self, self.show_state)
        kit.ticker.tick.connect(self.show_state)

    @property
    def state(self) -> str:
        """What is said of the printer now."""
        return self._state.words()

    def show_state(self) -> None:
        """What the printer last said of itself."""
        i18n = self._room.kit.i18n
        told = next(iter(self._printers.reports()), None)
        if told is None:
            self._state.show_state("wait", i18n.tr("station.set_printer_none"))
            return
        words = i18n.words.maybe(f"states.printer_{told.state}", i18n.tr("states.printer_error"))
        said = i18n.tr("station.set_printer_state", state=words)
        self._state.show_state(_LOOKS.get(told.state, "stop"), said)

    # -- acting --------------------------------------------------------------------------------------------

    def _save(self) -> None:
        if self._is_saved():
            key = "station.set_printer_saved" if self.address.text else "station.set_printer_gone"
            self._room.bar.success(self._room.kit.i18n.say(key))

    def _is_saved(self) -> bool:
        """What stands in the field is the printer from now on; where nobody can read it, the field says so."""
        address = address_of(self.address.text)
        try:
            self._printers.use(address)
        except BadPrinter:
            self.address.complain("station.set_printer_bad")
            return False
        self.address.forgive()
        self.address.edit.setText(address)
        self._room.core.outbox.set_setting(PRINTER_ADDRESS, address)
        self.show_state()
        return True

    def _keep_papers(self) -> None:
        papers = self._folder / "papers"
        try:
            papers.mkdir(exist_ok=True)
        except OSError:
            self._room.bar.warn(self._room.kit.i18n.say("station.set_papers_no", folder=papers), key="papers")
            return
        self.address.edit.setText(f"folder:{papers}")
        self._save()

    def _use_paper(self, mm: int) -> None:
        tick(mm == _WIDE, self.wide, self.narrow)
        self._room.core.outbox.set_setting(PAPER_MM, str(mm))

    def _test_print(self) -> None:
        """With what stands in the field, saved or not: whoever tests means that."""
        is_kept = address_of(self.address.text) == self._room.core.outbox.setting(PRINTER_ADDRESS)
        if not is_kept and not self._is_saved():
            self.test.unlock()
            return
        self._room.work.run(self._printers.test, self._tested, self._test_failed, owner=self)

    def _tested(self, trouble: str) -> None:
        self.test.unlock()
        i18n = self._room.kit.i18n
        address = self.address.text
        if trouble:
            why = i18n.words.maybe(f"states.printer_{trouble}", i18n.tr("states.printer_error"))
            self._room.bar.warn(i18n.say("station.set_test_failed", why=why), key="test-print")
            return
        self._room.bar.resolve("test-print")
        if address.startswith("folder:"):
            self._room.bar.success(i18n.say("station.set_test_kept", folder=address.removeprefix("folder:")))
        else:
            self._room.bar.success(i18n.say("station.set_test_done"))

    def _test_failed(self, error: Exception) -> None:
        self.test.unlock()
        self._room.trouble(error)

    def _change_count(self, by: int) -> None:
        count = min(_SLIPS_MOST, max(1, int(self._count.words()) + by))
        self._count.setText(str(count))
        self._room.core.outbox.set_setting(SLIPS_AT_ONCE, str(count))
        self.slips_changed.emit(count)
