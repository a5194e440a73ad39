"""Acts: facts are recorded, commands are judged, every id is answered once (design 2.6, 3.4)."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from app.core.acts import FACTS, Act, ActKind, Actor, BarcodeLearned, TakeOver
from app.core.decide import Accepted, decide, happened
from app.core.history import Entry, HistoryKind
from app.core.order import Order
from app.core.reasons import Reason, Refused
from app.wire import Envelope, Outcome, Receipt, act_of
from hub.orders.apply import apply
from hub.orders.held import Cause, HeldReceipt, Needs, Numbers
from hub.orders.items import learn_barcode
from hub.orders.jobs import Answer, Job
from hub.orders.work import Work

#: An unknown act made longer ago needs a person: nobody remembers what the order was then.
TOO_OLD = timedelta(days=30)

_encode = msgspec.json.Encoder(order="deterministic").encode


class ActJob(Job[Receipt]):
    what = "act"

    def __init__(self, envelope: Envelope, by: Actor) -> None:
        self.envelope = envelope
        self.by = by
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
            return self._answer(work, "refused", Refused(Reason.too_old))
        try:
            act = act_of(envelope)
        except msgspec.ValidationError as error:
            return self._answer(work, "refused", Refused(Reason.bad_body, {"text": str(error)}))
        order = work.order(envelope.order_no)
        if order is None:
            return self._unknown(work, act)
        return self._judge(work, order, act, Cause.of(self.by, act.act_id, made_at))

    def fault(self, work: Work, error: Exception) -> Answer[Receipt]:
        envelope = self.envelope
        content = {"envelope": msgspec.to_builtins(envelope), "actor": msgspec.to_builtins(self.by)}
        work.quarantine(self.what, envelope.act_id, error, content)
        order = work.order(envelope.order_no)
        work.raise_alarm(
            "our_fault", "major", order, envelope.parcel_no or "", {"order_no": envelope.order_no}
        )
        return self._answer(work, "refused", Refused(Reason.our_fault))

    def _judge(self, work: Work, order: Order, act: Act, why: Cause) -> Answer[Receipt]:
        rules = work.rules_of(order)
        verdict = decide(order, act, self.by, work.now, rules)
        if isinstance(verdict, Accepted):
            apply(work, verdict.order, verdict.entries, why)
            self._aftermath(work, verdict.order, act)
            return self._answer(work, "applied", None, order.order_no)
        params = {"kind": str(act.kind), "reason": str(verdict.reason), **verdict.params}
        if not act.is_fact:
            entry = Entry(kind=HistoryKind.refused, parcel_no=act.parcel_no, params=params)
            work.write(order.order_no, [entry], why)
            return self._answer(work, "refused", verdict, order.order_no)
        done = happened(order, act, self.by, work.now, rules)
        clash = Entry(kind=HistoryKind.clash, parcel_no=act.parcel_no, params=params)
        apply(work, done.order, [clash, *done.entries], why)
        self._aftermath(work, done.order, act)
        said = {"what": str(verdict.reason), "kind": str(act.kind)}
        work.raise_alarm("clash", "major", order, act.parcel_no or "", said)
        return self._answer(work, "clash", verdict, order.order_no)

    def _aftermath(self, work: Work, order: Order, act: Act) -> None:
        """What an act does beside its order."""
        match act.body:
            case BarcodeLearned() as body:
                learn_barcode(work, body.code, body.sku_code, body.pack_qty)
            case TakeOver() if act.parcel_no is not None:
                work.load_leases([act.parcel_no])
                for lease in work.leases.get(act.parcel_no, ()):
                    work.settle_lease(lease, "taken_over")
            case _:
                pass
        if act.kind is ActKind.marked_abnormal:
            told = {"note": getattr(act.body, "note", ""), "why": getattr(act.body, "reason", "")}
            work.raise_alarm("abnormal", "minor", order, act.parcel_no or "", told)

    def _unknown(self, work: Work, act: Act) -> Answer[Receipt]:
        """A fact of an order we do not have is kept until the order comes; a command has no sense then."""
        refused = Refused(Reason.order_unknown, {"order_no": act.order_no})
        if act.kind not in FACTS:
            return self._answer(work, "refused", refused)
        ref = self.envelope.channel_ref
        natural = (ref.shop_id, ref.channel_order_no) if ref else ("", "")
        actor, envelope = _encode(self.by), _encode(self.envelope)
        work.row(work.sql.kept_act, (act.act_id, act.order_no, *natural, work.now_ms, actor, envelope))
        station = work.station(self.by.station_id) if self.by.station_id else None
        warehouse = station.warehouse if station else work.settings.default_warehouse
        work.raise_alarm("order_unknown", "major", None, "", {"order_no": act.order_no}, warehouse)
        return self._answer(work, "clash", refused)

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
