"""What the hub did not take as it came: kept in the outbox until a person has answered, and who answered after that.

Functions inside the outbox's one writer; :class:`app.store.outbox.Outbox` has the doors.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import Literal, cast

import msgspec

from app.core.acts import Act, ActKind
from app.core.reasons import Reason
from app.core.values import dataclass
from app.wire import Envelope, Receipt, act_of

#: ``shown``: whoever asked read the answer at once. ``again``: done once more. ``asked``: handed to the supervisor.
Answer = Literal["shown", "understood", "again", "asked"]


@dataclass(frozen=True, slots=True)
class NeedsPerson:
    """An act the hub did not take, or took against what it knew: somebody has to look at it once."""

    act: Act
    receipt: Receipt
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AnsweredNeed:
    """The same once somebody has answered. ``by`` is "" where the station itself was at work."""

    need: NeedsPerson
    answer: Answer
    by: str
    answered_at: datetime


def needs(receipt: Receipt) -> bool:
    """A fact whose order the hub lacks needs nobody here: it is kept, and the supervisor's desk names it."""
    if receipt.outcome == "clash":
        return receipt.reason != Reason.order_unknown
    return receipt.outcome == "refused"


def keep(db: sqlite3.Connection, receipts: Iterable[Receipt], at: str) -> None:
    """Once for each act, however often its answer comes."""
    db.executemany(
        "INSERT OR IGNORE INTO need (act_id, envelope, receipt, at) SELECT act_id, envelope, ?, ? FROM act "
        "WHERE act_id = ?",
        [(msgspec.json.encode(r), at, r.act_id) for r in receipts if needs(r)],
    )


def read_open(db: sqlite3.Connection) -> dict[str, NeedsPerson]:
    """Those that nobody has answered, the oldest first."""
    rows = db.execute("SELECT envelope, receipt, at FROM need WHERE answer = '' ORDER BY n")
    return {need.act.act_id: need for need in (_read(*row) for row in rows)}


def answer(db: sqlite3.Connection, act_id: str, said: Answer, by: str, at: str) -> None:
    """The first answer counts."""
    db.execute("UPDATE act SET state = 'settled' WHERE act_id = ? AND state = 'needs_person'", (act_id,))
    db.execute(
        "UPDATE need SET answer = ?, answered_by = ?, answered_at = ? WHERE act_id = ? AND answer = ''",
        (said, by, at, act_id),
    )


def read_answered(db: sqlite3.Connection, limit: int) -> list[AnsweredNeed]:
    """What people answered, the latest first; what was read at once is no answer to look up."""
    rows = db.execute(
        "SELECT envelope, receipt, at, answer, answered_by, answered_at FROM need "
        "WHERE answer NOT IN ('', 'shown') ORDER BY answered_at DESC, n DESC LIMIT ?",
        (limit,),
    ).fetchall()
    return [
        AnsweredNeed(_read(envelope, receipt, at), said, by, datetime.fromisoformat(answered_at))
        for envelope, receipt, at, said, by, answered_at in rows
    ]


def tidy(db: sqlite3.Connection, before: str) -> None:
    db.execute("DELETE FROM need WHERE answer <> '' AND answered_at < ?", (before,))


def _read(envelope: bytes, receipt: bytes, at: str) -> NeedsPerson:
    act = _said(msgspec.json.decode(envelope, type=Envelope))
    return NeedsPerson(act, msgspec.json.decode(receipt, type=Receipt), datetime.fromisoformat(at))


def _said(envelope: Envelope) -> Act:
    """What the act was, as far as it can be read: one that nobody understands must not hide those beside it."""
    try:
        return act_of(envelope)
    except msgspec.ValidationError:
        return Act(
            act_id=envelope.act_id,
            kind=cast(ActKind, envelope.kind),
            order_no=envelope.order_no,
            parcel_no=envelope.parcel_no,
            made_at=envelope.made_at,
        )
