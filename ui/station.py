"""One running station: core, background work, scanner, sound and window, joined."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget

from app.core.order import Order
from app.core.printjob import PrintJob
from app.core.scan import ScanClass, parse
from app.station.alarms import StationAlarm
from app.station.core import StationCore
from app.station.frames import shows_mismatch
from app.station.kiosk import MAY_LEAVE, Kiosk
from app.station.outcome import Outcome
from app.station.packing import duplicate_ms
from app.store.cache import ALL_TOPICS
from app.store.outbox import ScanRow
from app.wire import StationKind
from ui import wedge_settings
from ui.first_picture import FirstPicture
from ui.joint import BadPrinter, Joint, SheetKind
from ui.kept import LANG, LOOK, PRINTER_ADDRESS, PROOFS, PROOFS_ALL, SLIPS_AT_ONCE
from ui.kit import Kit
from ui.pages import Pages
from ui.papers import PaperQuestions
from ui.resources import resource_dir
from ui.scanner_input import FrameRead, ScannerInput, ScanRead
from ui.scanner_watch import ScannerWatch
from ui.screens.packing import SLIPS_AT_ONCE as SLIPS_DEFAULT
from ui.screens.packing import PackingScreen
from ui.screens.room import Room
from ui.screens.window import StationWindow
from ui.sounds import Player, read_library
from ui.statements import Statements
from ui.station_alarms import StationAlarms
from ui.troubles import Troubles
from ui.widgets.alarm import Alarm, By
from ui.work import EngineLoop, Work

if TYPE_CHECKING:  # each is loaded where it is first shown: a start waits for no desk that nobody works at
    from ui.scan_sources import ScanSources
    from ui.screens.ops import OpsScreen
    from ui.screens.service import ServiceScreen
    from ui.screens.settings import SettingsPage
    from ui.screens.supervisor import SupervisorScreen
    from ui.screens.welcome import WelcomePage
    from ui.speech import RemarkSpeech

#: The window does not wait longer for the wire to be let go of; what waits is on disk.
CLOSE_WITHIN_S = 5.0


class Station:
    """One running station. ``open`` shows its window, ``close`` lets go of everything; both once.

    The window with its desk and the files of this station come first, for they are what is waited for. Wire, printer
    and sound are opened right after the first picture, each in a moment of its own; what is scanned before is on disk
    and shown like at any other time.
    """

    def __init__(
        self,
        app: QApplication,
        joint: Joint,
        core: StationCore,
        kit: Kit,
        folder: Path,
        hub_url: str,
        *,
        kiosk: bool = False,
    ) -> None:
        self._app = app
        self._joint = joint
        self.core, self.kit, self.folder = core, kit, folder
        self._asked_hub = hub_url
        self._loops: list[EngineLoop] = []
        self._is_open, self._is_closed = False, False
        self._opened: Callable[[], object] = lambda: None
        self.hand: object | None = None
        self.pictured: Callable[[], object] = lambda: None
        """Called once, right after the first picture and before anything else opens."""
        self.window = StationWindow(kit)
        self.kiosk = Kiosk(core.outbox, asked=kiosk)
        self._troubles = Troubles(kit, self.window.bar)
        self.work = Work(joint.clock, self._troubles.crashed)
        self.alarm = Alarm(kit, self.window)
        self.player = Player(resource_dir() / "sounds", folder / "voice", own=folder / "own-voice")
        self.scanner = ScannerInput(
            joint.clock, wedge_settings.read(core.outbox), repeat_ms=duplicate_ms(core.outbox)
        )
        self.scanner_watch = ScannerWatch(self.scanner)
        self._sources: ScanSources | None = None
        self.speech: RemarkSpeech | None = None
        self.room = Room(
            kit,
            core,
            self.work,
            self.window.bar,
            self._hear,
            self._troubles.met,
            lambda: self.pages.show_import(),
            lambda: self.pages.show_work(),
        )
        self._alarms = StationAlarms(self.room, self.alarm, self.player)
        self.printers = joint.printers(core)
        self.papers = PaperQuestions(
            kit, self.work, self.window.bar, self.printers, self._print_again, self._troubles.met
        )
        self.pages = Pages(
            self.room,
            self.window,
            folder,
            self.printers,
            self.scanner,
            version=joint.version,
            play=lambda tone: self.player.play(tone),
            set_slips=self._set_slips,
            is_alarmed=lambda: self.alarm.active is not None,
            left=lambda: self._statements.show(),
            kiosk=self.kiosk,
            sources=self.sources,
            print_sheet=self._print_sheet,
            checked=self.scanner_watch.forget,
        )
        self._statements = Statements(
            self.room,
            self.window,
            joint,
            folder,
            self.printers,
            self.player,
            self.pages,
            self.scanner_watch,
            lambda: self._is_open,
            lambda: self._sources,
        )
        self.desk: PackingScreen | SupervisorScreen | ServiceScreen | OpsScreen | None = None
        self.welcome: WelcomePage | None = None
        self._join()
        self.start_desk()

    # -- life ----------------------------------------------------------------------------------------------

    def open(self, opened: Callable[[], object] = lambda: None) -> None:
        """Shows the window as large as the screen allows, and listens to scanners. ``opened`` is called once wire,
        printer and sound are open as well."""
        self._opened = opened
        self._first_picture = FirstPicture(self.window, self._open_wire)
        if self.kiosk.is_on:
            self.window.be_kiosk(self._may_close, self._app)
        if self._app.platformName() == "offscreen":
            self.window.resize(1366, 768)
            self.window.show()
        elif self.kiosk.is_on:
            self.window.showFullScreen()
        else:
            self.window.showMaximized()
        # Not before: it would be asked about each of the thousand events that a window is made with.
        self.scanner.listen(self._app)

    def _open_wire(self) -> None:
        self.pictured()
        if not self._is_closed:
            self.window.dress_in_taskbar()
            self._start_engines()
            self.work.blocking(self._load_rest, lambda _: self._open_sound(), self._not_loaded)

    def _load_rest(self) -> None:
        """In the background, so that no step of opening holds up a key for long."""
        read_library()
        self._joint.load_rest()

    def _not_loaded(self, error: Exception) -> None:
        """A library is missing: said like any fault of ours, and the rest is tried all the same."""
        self._troubles.met(error)
        self._open_sound()

    def _open_sound(self) -> None:
        self._after_keys(self._open_printer)
        self.player.open()

    def _open_printer(self) -> None:
        self._after_keys(self._all_open)
        if address := self.core.outbox.setting(PRINTER_ADDRESS):
            self._use_printer(address)

    def _all_open(self) -> None:
        self._is_open = True
        self.kiosk.opened()
        if self.kiosk.is_after_fault:
            self.window.bar.warn(self.kit.i18n.say("station.kiosk_after_fault"), key="kiosk")
        if isinstance(self.desk, PackingScreen):
            self.desk.prepare()
        self.papers.look()
        self.sources().open()
        self._statements.show()
        self._opened()

    def sources(self) -> ScanSources:
        """Where scans come from, besides keyboards: made after the first picture, or when somebody sets them."""
        if self._sources is None:
            from ui.scan_sources import ScanSources

            clock, report = self._joint.clock, self.core.report_scanner
            scale, heard = self.core.report_scale, self.core.packing.weighing.heard
            self._sources = ScanSources(self.scanner, self.core.outbox, clock, report, scale, heard)
            self._sources.changed.connect(self._statements.show)
        return self._sources

    def _after_keys(self, step: Callable[[], object]) -> None:
        """Lets keys and paint through before the next step of opening. Asked for before the present one is done: a
        fault in one does not keep the others from opening."""
        QTimer.singleShot(0, self.window, lambda: None if self._is_closed else step())

    def _may_close(self) -> bool:
        """Whether this kiosk may be closed by who is signed on now."""
        return self._is_closed or self.core.role in MAY_LEAVE or self._app.isSavingSession()

    def close(self) -> None:
        self._is_closed = True
        self.kiosk.closed()
        self.scanner.deafen(self._app)
        if self._sources is not None:
            self._sources.changed.disconnect(self._statements.show)
            self._sources.close()
        self.player.silence()
        # Nothing may look into the files any more once they are closed.
        self.work.changed.disconnect(self._refresh)
        self.kit.ticker.tick.disconnect(self._statements.show)
        self.desk = None
        for loop in self._loops:
            loop.stop()
        closed = threading.Event()

        async def let_go() -> None:
            # On the loop the wire lives on; the files are closed there too.
            try:
                await self.core.close()
            finally:
                closed.set()

        self.work.run(let_go)
        closed.wait(CLOSE_WITHIN_S)
        self.work.stop()
        self.window.close()
        self.window.deleteLater()

    def _join(self) -> None:
        core, work = self.core, self.work
        core.lang = self.kit.i18n.lang
        core.on_changed(self._announce)
        core.on_outcome(lambda outcome: work.hand(lambda: self._later(outcome)))
        core.on_alarm(lambda alarm: work.urgent(lambda: self._alarmed(alarm)), work.let_pass)
        core.on_engines(lambda: work.hand(self._paired_anew))
        work.changed.connect(self._refresh)
        self.kit.ticker.tick.connect(self._statements.show)
        self.kit.i18n.changed.connect(self._keep_lang)
        self.kit.theme.changed.connect(self._keep_look)
        self.scanner.scanned.connect(self._scanned)
        self.scanner.judge = self._judge
        self.alarm.acknowledged.connect(self._acknowledged)
        self.player.state_changed.connect(lambda _: self._statements.show())
        self.scanner_watch.changed.connect(lambda: self._statements.show())
        self.window.foot.settings_wanted.connect(self.pages.show_settings)
        self.window.foot.person_wanted.connect(self.pages.show_sign_on)
        self.window.needs_wanted.connect(self.pages.show_needs)
        self.window.leave_wanted.connect(self.pages.show_leave)
        self.window.take_files(_is_table)
        self.window.file_dropped.connect(self.pages.show_import)
        for notice in core.notices:
            self.window.bar.warn(self.kit.i18n.say(notice), key=notice)

    def _announce(self, topics: frozenset[str]) -> None:
        """From any thread. While page after page comes in, a bench waits for single orders and for what is done here:
        the lists need not be read anew with each."""
        self.work.announce(topics, at_leisure=self.core.cache.is_far_behind and topics <= ALL_TOPICS)

    def _start_engines(self) -> None:
        """Steps what is to be stepped now: after the start, and when the station was paired anew."""
        for loop in self._loops:
            loop.stop()
        engines = [*self.core.engines(), *self.printers.engines()]
        self._loops = []
        for engine in engines:
            loop = self.work.loop(engine, engine.name)
            engine.on_wake(loop.wake)
            self._loops.append(loop)

    def _paired_anew(self) -> None:
        """Another hub, or none any more: other engines, another desk."""
        self._start_engines()
        self.pages.forget()
        self.start_desk()

    def _use_printer(self, address: str) -> None:
        try:
            self.printers.use(address)
        except BadPrinter:
            self.window.bar.warn(self.kit.i18n.say("station.set_printer_bad"), key="printer")

    # -- the desk ------------------------------------------------------------------------------------------

    def start_desk(self) -> None:
        """The desk of this station; before it belongs to a hub, the welcome."""
        identity = self.core.identity
        if identity is None:
            from ui.screens.welcome import WelcomePage

            self.welcome = WelcomePage(
                self.room, self.folder, self._joint.start_hub, self.core.kind, self._asked_hub
            )
            self.window.set_title(lambda: self.kit.i18n.tr("station.title_new"))
            self.window.set_desk(self.welcome)
            self.desk = None
        else:
            self.welcome = None
            self.desk = self._desk_of(self.core.kind)
            desk_key = f"states.kind_{self.core.kind}"
            tr = self.kit.i18n.tr
            self.window.set_title(lambda: tr("station.title", desk=tr(desk_key), name=identity.name))
            self.window.set_desk(self.desk)
        self._statements.show()

    def _desk_of(self, kind: StationKind) -> PackingScreen | SupervisorScreen | ServiceScreen | OpsScreen:
        match kind:
            case "packing":
                slips = int(self.core.outbox.setting(SLIPS_AT_ONCE, str(SLIPS_DEFAULT)))
                desk = PackingScreen(self.room, slips, self.printers.reports)
                desk.codes.slip_wanted.connect(lambda: self._print_sheet("codes", on_slip=True))
                desk.codes.page_wanted.connect(lambda: self._print_sheet("codes"))
                desk.parcel_opened.connect(self._say_remark)
                return desk
            case "service":
                from ui.screens.service import ServiceScreen

                return ServiceScreen(self.room)
            case "ops":
                from ui.screens.ops import OpsScreen

                return OpsScreen(self.room)
            case _:
                from ui.screens.supervisor import SupervisorScreen

                return SupervisorScreen(self.room)

    # -- what comes in -------------------------------------------------------------------------------------

    def scan(self, text: str, repeated: bool | None = None, source: str = "", came: str = "") -> None:
        """A code was read: to the page in front; badges sign on wherever they are read. ``source`` is the device,
        ``came`` all that came from it. Kept with what came of it, but for what joins a station to its hub."""
        page = self.window.pages.currentWidget()
        badge = parse(text).first(ScanClass.badge)
        if badge is not None and self.alarm.active is None and self.core.identity is not None:
            self.pages.badge_form(page).badge(badge.key)
            self._keep(text, source, came, "badge")
        elif (check := self.pages.scanner_check) is not None and check is page:
            check.take(came or text, source)
            self._keep(text, source, came, "shown")
        elif self.alarm.active is None and (reading := self._reading_page(page)) is not None:
            reading.scan(text)
            if reading is not self.welcome:
                self._keep(text, source, came, "shown")
        elif isinstance(self.desk, PackingScreen):
            self.window.show_desk()
            self.desk.scan(text, repeated, source, came)
        elif self.desk is not None:
            self.window.show_desk()
            self.desk.scan(text)
            self._keep(text, source, came, "looked_for")

    def _keep(self, text: str, source: str, came: str, result: str) -> None:
        """A read that no packing desk worked on."""
        read_as = parse(text).guesses[0].scan_class
        self.core.outbox.keep_scan(
            ScanRow(
                scan_id=self._joint.new_id(),
                at=self.room.now(),
                raw=came or text,
                scan_class=read_as,
                result=result,
                source=source,
            )
        )

    def _reading_page(self, page: QWidget | None) -> SettingsPage | WelcomePage | None:
        """The page in front where it reads scans itself."""
        return next(
            (own for own in (self.pages.settings, self.welcome) if own is not None and own is page), None
        )

    def _scanned(self, read: ScanRead) -> None:
        self.scan(read.text, read.repeated, read.source, read.raw)

    def _judge(self, read: FrameRead) -> bool:
        """A camera saw a slip and a label at once. False: not at the desk of a packer, or nothing to judge."""
        page = self.window.pages.currentWidget()
        is_taken = page is self.pages.scanner_check or self._reading_page(page) is not None
        if is_taken or not isinstance(self.desk, PackingScreen) or self.alarm.active is not None:
            return False
        now = self.room.now()
        outcome = self.core.packing.on_frame(read.seen, now, read.source)
        if outcome is None:
            return False
        self.window.show_desk()
        self.desk.take(outcome)
        is_kept = shows_mismatch(outcome) or (
            outcome.is_ok and self.core.outbox.setting(PROOFS) == PROOFS_ALL
        )
        if is_kept:
            proof_id, jpeg = outcome.scan_id, read.jpeg
            self.work.blocking(
                lambda: self.core.proofs.keep(proof_id, jpeg, now), self._proof_kept, self._troubles.met
            )
        return True

    def _proof_kept(self, is_kept: bool) -> None:
        if not is_kept:
            self.window.bar.warn(self.kit.i18n.say("station.proof_not_kept"), key="proof")

    def _refresh(self, topics: frozenset[str]) -> None:
        if "setting" in topics:
            self.kit.i18n.move(self.core.zone())
        if self.desk is not None:
            self.desk.refresh(topics)
        self.work.run_urgent()
        if topics & {"status", "outbox", "print", "person", "rights"}:
            self._statements.show()
        if "print" in topics:
            self.papers.look()
        self.pages.refresh(topics)
        if "session_ended" in topics:
            self.window.bar.warn(self.kit.i18n.say("station.session_ended"), key="session")

    def _print_again(self, job: PrintJob) -> None:
        if isinstance(self.desk, PackingScreen):
            self.desk.print_again(job.parcel_no, self.kit.i18n.tr("packing.reprint_not_out"))

    def _say_remark(self, order: Order) -> None:
        """What was written for the packer is said once; not before there is a loudspeaker, nor during an alarm."""
        if self.alarm.active is not None or not (order.buyer_remark or order.seller_remark):
            return
        if self.speech is None:
            from ui.speech import RemarkSpeech, system_voice

            self.speech = RemarkSpeech(self.player, system_voice())
        self.speech.opened(order, self.kit.i18n.lang)

    def _print_sheet(self, kind: SheetKind, *, on_slip: bool = False) -> None:
        from ui.sheets import Sheets

        draw, opens = self._joint.draw_sheet, not self.kiosk.is_on
        sheets = Sheets(self.room, self.printers, draw, self.folder, opens=opens)
        if on_slip:
            sheets.print_commands()
        else:
            sheets.save(kind)

    def _set_slips(self, count: int) -> None:
        if isinstance(self.desk, PackingScreen):
            self.desk.set_slips(count)

    def _later(self, outcome: Outcome) -> None:
        if isinstance(self.desk, PackingScreen):
            self.desk.later(outcome)

    def _hear(self, outcome: Outcome) -> None:
        """The sound of an outcome: the newest scan counts. While the alarm speaks nothing else is heard."""
        if self.alarm.active is not None:
            return
        tone = {"ok": "ok", "wrong": "wrong", "too_many": "too_many", "stop": "stop"}.get(outcome.sound.value)
        if outcome.result == "duplicate_read":
            tone = "again"
        if tone is not None:
            self.player.play(tone)  # type: ignore[arg-type]

    # -- the alarm -----------------------------------------------------------------------------------------

    def _alarmed(self, alarm: StationAlarm | None) -> None:
        if alarm is not None and self.pages.intake is not None:
            self.pages.intake.close_dialog()
        if alarm is not None and self.speech is not None:
            self.speech.stop()
        if alarm is not None and self.pages.scanner_check is not None:
            self.pages.back()  # the check hears every key: a scan must be able to confirm
        self._alarms.follow(alarm)

    def _acknowledged(self, _alarm_id: str, by: By) -> None:
        outcome = self._alarms.acknowledged(by)
        self._later(outcome)
        if isinstance(self.desk, PackingScreen):
            self.desk.show_outcome(outcome)

    # -- kept for the next start ---------------------------------------------------------------------------

    def _keep_lang(self) -> None:
        self.core.lang = self.kit.i18n.lang
        self.core.outbox.set_setting(LANG, self.kit.i18n.lang)
        self._statements.show()

    def _keep_look(self) -> None:
        """Not where only the scale is another, as it is before the first picture on most screens."""
        if self.core.outbox.setting(LOOK, "light") != self.kit.theme.mode:
            self.core.outbox.set_setting(LOOK, self.kit.theme.mode)


def _is_table(file: Path) -> bool:
    """Whether a dropped file looks like something to import."""
    from ui.screens.import_page import is_table

    return is_table(file)
