"""Acts: facts are recorded, commands are judged, every id is answered once (design 2.6, 3.4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from app.core.acts import COMMANDS, FACTS, Act, ActKind, Actor
from app.core.order import Order
from app.core.reasons import Reason, Refused
from app.wire import Envelope, Outcome, Receipt, act_of
from hub.orders.held import Cause, HeldReceipt, KeptAct, Needs, Numbers
from hub.orders.jobs import Answer, Job
from hub.orders.judge import judge, who
from hub.orders.returned import remember_number, renamed
from hub.orders.work import Work

#: An unknown act made longer ago needs a person: nobody remembers what the order was then.
TOO_OLD = timedelta(days=30)

_encode = msgspec.json.Encoder(order="deterministic").encode


#: What sets, lifts or answers a stop.
_URGENT = COMMANDS | {
    ActKind.freeze_shown,
    ActKind.freeze_acked,
    ActKind.parcel_pulled,
    ActKind.marked_abnormal,
}


class ActJob(Job[Receipt]):
    what = "act"

    def __init__(self, envelope: Envelope, by: Actor) -> None:
        self.envelope = envelope
        self.by = by
        self.is_urgent = envelope.kind in _URGENT
        self.act_hash = hash_of(envelope)

    def needs(self, needs: Needs) -> None:
        needs.act_ids.add(self.envelope.act_id)
        needs.order_nos.add(self.envelope.order_no)
        if self.envelope.parcel_no is not None:
            needs.parcel_nos.add(self.envelope.parcel_no)

    def run(self, work: Work) -> Answer[Receipt]:
        envelope = self.envelope
        known = work.receipts.get(envelope.act_id)
        if known is not None:
            return self._known(known)
        made_at = self._made_at(work)
        if work.now - made_at > TOO_OLD:
            return self._no(work, Refused(Reason.too_old))
        try:
            act = act_of(envelope)
        except msgspec.ValidationError as error:
            return self._no(work, Refused(Reason.bad_body, {"text": str(error)}))
        order = work.order(envelope.order_no) or self._numbered_anew(work, envelope)
        if order is None:
            return self._unknown(work, act)
        return self._judged(work, order, act, Cause.of(self.by, act.act_id, made_at))

    def fault(self, work: Work, error: Exception) -> Answer[Receipt]:
        envelope = self.envelope
        content = {"envelope": msgspec.to_builtins(envelope), "actor": msgspec.to_builtins(self.by)}
        work.quarantine(self.what, envelope.act_id, error, content)
        order = work.order(envelope.order_no)
        work.raise_alarm(
            "our_fault", "major", order, envelope.parcel_no or "", {"order_no": envelope.order_no}
        )
        return self._answer(work, "refused", Refused(Reason.our_fault))

    def _numbered_anew(self, work: Work, envelope: Envelope) -> Order | None:
        """The order under the number it has since a restore: the act calls it by one of another life."""
        ref = envelope.channel_ref
        order = work.order_named(ref.shop_id, ref.channel_order_no) if ref is not None else None
        if order is not None:
            known = remember_number(order, envelope.order_no)
            if known is not order:
                work.change(known)
            return known
        return None

    def _judged(self, work: Work, order: Order, act: Act, why: Cause) -> Answer[Receipt]:
        outcome, refused = judge(work, order, renamed(act, order), self.by, why)
        return self._answer(work, outcome, refused, order.order_no)

    def _unknown(self, work: Work, act: Act) -> Answer[Receipt]:
        """A fact of an order we do not have is kept until the order comes; a command has no sense then."""
        refused = Refused(Reason.order_unknown, {"order_no": act.order_no})
        if act.kind not in FACTS:
            return self._answer(work, "refused", refused)
        ref = self.envelope.channel_ref
        natural = (ref.shop_id, ref.channel_order_no) if ref else ("", "")
        kept = KeptAct(act.act_id, act.order_no, _encode(self.by), _encode(self.envelope))
        work.keep_act(kept, *natural)
        station = work.station(self.by.station_id) if self.by.station_id else None
        warehouse = station.warehouse if station else work.settings.default_warehouse
        work.raise_alarm("order_unknown", "major", None, "", {"order_no": act.order_no}, warehouse)
        return self._answer(work, "clash", refused)

    def _no(self, work: Work, refused: Refused) -> Answer[Receipt]:
        """Refused before anything was judged: the bench reads it, and a supervisor as well."""
        order = work.order(self.envelope.order_no)
        said = {"what": str(refused.reason), "kind": self.envelope.kind, **who(self.by)}
        station = work.station(self.by.station_id) if self.by.station_id else None
        warehouse = station.warehouse if station else work.settings.default_warehouse
        if order is None:
            said["order_no"] = self.envelope.order_no
        work.raise_alarm("act_refused", "major", order, self.envelope.parcel_no or "", said, warehouse)
        return self._answer(work, "refused", refused)

    def _known(self, known: HeldReceipt) -> Answer[Receipt]:
        if known.act_hash != self.act_hash:
            return lambda numbers: Receipt(
                act_id=self.envelope.act_id, outcome="refused", reason=Reason.id_reused, seq=numbers.head
            )
        return lambda numbers: self._receipt(known, numbers, replayed=True)

    def _answer(
        self, work: Work, outcome: Outcome, refused: Refused | None, order_no: str = ""
    ) -> Answer[Receipt]:
        held = HeldReceipt(
            act_hash=self.act_hash,
            outcome=outcome,
            reason=str(refused.reason) if refused else "",
            params=refused.params if refused else {},
            order_no=order_no,
            history_at=work.last_history if order_no else -1,
            is_new=True,
        )
        work.keep_receipt(self.envelope.act_id, held, self.envelope.made_at)
        return lambda numbers: self._receipt(held, numbers, replayed=False)

    def _receipt(self, held: HeldReceipt, numbers: Numbers, *, replayed: bool) -> Receipt:
        return Receipt(
            act_id=self.envelope.act_id,
            outcome=held.outcome,
            replayed=replayed,
            reason=held.reason,
            params=held.params,
            seq=numbers.of(held.order_no, held.history_at) if held.is_new else held.seq,
        )

    def _made_at(self, work: Work) -> datetime:
        """When it happened, by the hub's clock: the station's own time plus what its beats taught us."""
        station = work.station(self.by.station_id) if self.by.station_id else None
        made_at = self.envelope.made_at
        return min(made_at + station.clock_offset if station else made_at, work.now)


def hash_of(envelope: Envelope) -> bytes:
    """What two sendings of one act have in common; the channel_ref is only a help to find the order."""
    bare = msgspec.structs.replace(envelope, channel_ref=None)
    try:
        text = _encode(bare)
    except (ValueError, OverflowError):  # what no door lets in: lone surrogates, integers over 64 bits
        text = ascii(bare).encode()
    return sha256(text).digest()
