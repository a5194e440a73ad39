"""What went wrong, in one calm sentence on the message bar."""

from __future__ import annotations

from app.ports import HubTrouble, NotAllowed
from app.store.surroundings import StoreTrouble
from ui.kit import Kit
from ui.widgets.message_bar import MessageBar
from ui.work import CrashReport


class Troubles:
    """Says what the surroundings refuse, and what was a fault of ours."""

    def __init__(self, kit: Kit, bar: MessageBar) -> None:
        self._kit, self._bar = kit, bar

    def met(self, error: Exception) -> None:
        """The surroundings say no: one sentence that stays until it is confirmed."""
        say = self._kit.i18n.say
        match error:
            case HubTrouble() if error.text:
                self._bar.error(error.text, key="hub")
            case NotAllowed():
                self._bar.error(say("station.not_allowed"), key="hub")
            case HubTrouble():
                self._bar.error(say("station.away"), key="hub")
            case StoreTrouble():
                self._bar.error(say(f"station.{error.key}", **error.params), key="disk")
            case _:
                self.crashed(CrashReport("asked", error, repr(error)))

    def crashed(self, report: CrashReport) -> None:
        """A fault of ours: into the log in full, to the person as one calm sentence. A full disk is none of ours,
        wherever work in the background meets it."""
        if isinstance(report.error, StoreTrouble):
            self.met(report.error)
            return
        # Brings what colours a console along, and no window waits for it: not before there is a word to say.
        import structlog

        structlog.get_logger("station").error("our fault", where=report.where, trace=report.trace)
        self._bar.error(self._kit.i18n.say("station.unexpected"), key="fault")
