"""What one act does inside the writer's transaction, whether it has just come or waited for its order."""

from __future__ import annotations

from app.core.acts import Act, ActKind, Actor, BarcodeLearned, Printed, TakeOver
from app.core.decide import Accepted, decide, happened
from app.core.history import Entry, HistoryKind
from app.core.order import Order
from app.core.reasons import Refused
from app.wire import Outcome
from hub.orders.apply import apply
from hub.orders.claims import presumed
from hub.orders.held import Cause
from hub.orders.items import learn_barcode
from hub.orders.pool import on_label
from hub.orders.work import Work


def judge(work: Work, order: Order, act: Act, by: Actor, why: Cause) -> tuple[Outcome, Refused | None]:
    """What the act does to its order and beside it: a fact that is not welcome has happened all the same."""
    rules = work.rules_of(order)
    verdict = decide(order, act, by, work.now, rules)
    if isinstance(verdict, Accepted) and (claimed := presumed(work, order, verdict.order)) is not None:
        verdict = decide(claimed, act, by, work.now, rules)
    if isinstance(verdict, Accepted):
        apply(work, verdict.order, verdict.entries, why)
        _aftermath(work, verdict.order, act, why)
        return "applied", None
    params = {"kind": str(act.kind), "reason": str(verdict.reason), **verdict.params}
    if not act.is_fact:
        entry = Entry(kind=HistoryKind.refused, parcel_no=act.parcel_no, params=params)
        work.write(order.order_no, [entry], why)
        return "refused", verdict
    done = happened(order, act, by, work.now, rules)
    clash = Entry(kind=HistoryKind.clash, parcel_no=act.parcel_no, params=params)
    apply(work, done.order, [clash, *done.entries], why)
    _aftermath(work, done.order, act, why)
    said = {"what": str(verdict.reason), "kind": str(act.kind), **who(by)}
    work.raise_alarm("clash", "major", order, act.parcel_no or "", said)
    return "clash", verdict


def _aftermath(work: Work, order: Order, act: Act, why: Cause) -> None:
    """What an act does beside its order."""
    match act.body:
        case BarcodeLearned() as body:
            learn_barcode(work, body.code, body.sku_code, body.pack_qty)
        case TakeOver() if act.parcel_no is not None:
            work.load_leases([act.parcel_no])
            for lease in work.leases.get(act.parcel_no, ()):
                work.settle_lease(lease, "taken_over")
        case Printed() as body if act.kind is ActKind.label_printed and act.parcel_no and body.waybill_no:
            on_label(work, order.order_no, act.parcel_no, body.waybill_no, why)
        case _:
            pass
    if act.kind is ActKind.marked_abnormal:
        told = {"note": getattr(act.body, "note", ""), "why": getattr(act.body, "reason", "")}
        work.raise_alarm("abnormal", "minor", order, act.parcel_no or "", told)


def who(by: Actor) -> dict[str, str]:
    """Person and station, as an alarm names them."""
    return {"person": by.name, "station": by.station_id or ""}
