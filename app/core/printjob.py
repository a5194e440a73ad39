"""One paper on its way: the print job, its states, and what a printer says of itself. Pure.

The same ``job_key`` never prints twice by itself: a second paper is a *reprint*, a new job with the next
``copy`` and a reason. The table of moves below is the only one; stores refuse every other move.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from app.core.acts import Act, ActKind, Printed
from app.core.reasons import Reason, Refused
from app.core.values import dataclass


class PrintState(StrEnum):
    """`print_state` of the glossary. ``printed`` is what the device said, ``confirmed`` is the scan-back."""

    waiting = "waiting"
    checking_device = "checking_device"
    sending = "sending"
    printed = "printed"
    confirmed = "confirmed"
    uncertain = "uncertain"
    failed = "failed"
    pulled = "pulled"
    expired = "expired"


class PrinterState(StrEnum):
    """`printer_state` of the glossary. ``unknown``: the device cannot say, which is not the same as ready."""

    ready = "ready"
    busy = "busy"
    paper_low = "paper_low"
    paper_out = "paper_out"
    cover_open = "cover_open"
    offline = "offline"
    error = "error"
    unknown = "unknown"


P = PrintState

#: Which move a job may make. Nothing leaves ``confirmed``, ``failed``, ``pulled`` and ``expired``.
MOVES: dict[PrintState, frozenset[PrintState]] = {
    P.waiting: frozenset({P.checking_device, P.failed, P.pulled, P.expired}),
    P.checking_device: frozenset({P.waiting, P.sending, P.failed, P.pulled, P.expired}),
    # back to waiting only when not one byte left for the device
    P.sending: frozenset({P.printed, P.uncertain, P.waiting}),
    P.printed: frozenset({P.confirmed}),
    # only a person or the scan of the paper moves an uncertain job
    P.uncertain: frozenset({P.printed, P.confirmed, P.failed}),
    P.confirmed: frozenset(),
    P.failed: frozenset(),
    P.pulled: frozenset(),
    P.expired: frozenset(),
}
#: Not yet at the device: a freeze or a person can still take the job away.
PULLABLE = frozenset({P.waiting, P.checking_device})
#: Nobody has to do anything about the job any more.
SETTLED = frozenset({P.printed, P.confirmed, P.failed, P.pulled, P.expired})
#: A paper of the job may lie on the bench.
_MAY_BE_OUT = frozenset({P.printed, P.confirmed, P.uncertain})
#: The device never saw the job: its copy number is free again.
NEVER_SENT = frozenset({P.pulled, P.expired})

#: A job nobody could print for so long is not wanted any more when the printer returns.
TIME_TO_LIVE = timedelta(minutes=30)

Document = Literal["slip", "label", "handover"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintJob:
    """One paper for one printer. (``job_key``, ``copy``) is unique among a station's jobs not NEVER_SENT.

    ``cause`` is a code for the words ``paper.cause_<cause>`` or a :class:`Reason`, empty when all is well.
    ``printer`` is the printer's name at this station; ``version`` the slip or label version on the paper.
    """

    job_id: str
    job_key: str
    document: Document
    order_no: str
    parcel_no: str
    printer: str
    version: int = 1
    copy: int = 1
    reason: str = ""
    lang: Literal["zh", "en"] = "zh"
    created_at: datetime
    expires_at: datetime
    state: PrintState = PrintState.waiting
    cause: str = ""
    state_at: datetime | None = None
    actor: str = ""


def job_key(parcel_no: str, document: Document, version: int) -> str:
    """Parcel + document + version: the same key never prints twice by itself."""
    return f"{parcel_no}/{document}/{version}"


def may_move(old: PrintState, new: PrintState) -> bool:
    return new in MOVES[old]


def next_copy(earlier: tuple[PrintJob, ...], reason: str) -> int | Refused:
    """Which copy a new job of the same key would be, or why there is none.

    Copy 1 needs no reason. A further one needs a reason and the former one out of the way. Of an uncertain one
    nobody but the person who asks again knows whether it came out: the reason is the answer.
    """
    if any(job.state not in SETTLED | {P.uncertain} for job in earlier):
        return Refused(Reason.nothing_to_change)
    copies = [job.copy for job in earlier if job.state not in NEVER_SENT]
    if copies and not reason.strip():
        return Refused(Reason.note_required)
    return max(copies, default=0) + 1


def paper_seen(papers: Sequence[PrintJob], key: str) -> PrintJob | None:
    """The job of the paper whose code was just read; None when that tells nothing new.

    The code does not name the copy: while an earlier copy is known to be out, it cannot end the doubt about a
    later one.
    """
    out = [job for job in papers if job.job_key == key and job.state in _MAY_BE_OUT]
    known = [job for job in out if job.state is not P.uncertain]
    return next((job for job in known or out if job.state is not P.confirmed), None)


def printed_act(job: PrintJob, act_id: str, at: datetime, waybill_no: str = "") -> Act:
    """The fact that this paper came out, for the outbox."""
    return Act(
        act_id=act_id,
        kind=ActKind.label_printed if job.document == "label" else ActKind.slip_printed,
        order_no=job.order_no,
        parcel_no=job.parcel_no,
        made_at=at,
        body=Printed(
            job_key=job.job_key, copy=job.copy, version=job.version, reason=job.reason, waybill_no=waybill_no
        ),
    )
