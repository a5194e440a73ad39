"""Asks the packer about papers whose end nobody knows: in the message bar, never in a dialog (C1, C11).

The scan of the slip's own code answers as well; then the question goes away by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from app.core.printjob import PrintJob
from ui.joint import Printers
from ui.kit import Kit
from ui.present.states import short
from ui.say import Say
from ui.widgets.message_bar import MessageBar
from ui.work import Work


class PaperQuestions:
    """``look`` whenever something about printing has changed. ``again`` prints another slip, with its reason."""

    def __init__(
        self,
        kit: Kit,
        work: Work,
        bar: MessageBar,
        printers: Printers,
        again: Callable[[PrintJob], object],
        failed: Callable[[Exception], object],
    ) -> None:
        self._kit, self._work, self._bar = kit, work, bar
        self._printers, self._again, self._failed = printers, again, failed
        self._asked: dict[str, PrintJob] = {}
        bar.answered.connect(self._answered)

    def look(self) -> None:
        """Asks what is not asked yet and takes back what has been settled meanwhile."""
        doubtful = {_key(job): job for job in self._printers.uncertain()}
        for key in self._asked.keys() - doubtful.keys():
            self._bar.resolve(key)
        for key, job in doubtful.items():
            if key not in self._asked:
                self._bar.ask(self._question(job), key=key, yes="packing.doubt_yes", no="packing.doubt_no")
        self._asked = doubtful

    def _question(self, job: PrintJob) -> Say:
        i18n = self._kit.i18n

        def say() -> str:
            why = i18n.words.maybe(f"packing.doubt_{job.cause}", i18n.tr("packing.doubt_other"))
            return i18n.tr("packing.doubt", why=why, number=short(job.parcel_no))

        return say

    def _answered(self, key: str, yes: bool) -> None:
        job = self._asked.get(key)
        if job is None:
            return
        # It stays among the asked ones until the disk has the answer: the next look must not ask again.
        settle = self._printers.came_out if yes else self._printers.not_out
        self._work.blocking(
            partial(settle, job), partial(self._settled, job, yes), self._failed, owner=self._bar
        )

    def _settled(self, job: PrintJob, yes: bool, moved: bool) -> None:
        if not moved:
            return
        if yes:
            say = self._kit.i18n.say("packing.doubt_settled", number=short(job.parcel_no))
            self._bar.success(say)
        else:
            self._again(job)


def _key(job: PrintJob) -> str:
    return f"paper-{job.job_id}"
