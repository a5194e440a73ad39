"""What a scanned goods code means for the parcel that is open."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.order import Order, Parcel, ParcelLine
from app.core.reasons import Reason, Refused
from app.core.values import dataclass


@dataclass(frozen=True, slots=True)
class ItemCode:
    """One meaning of a scanned code: this article, this many units (outer packs hold more than one)."""

    sku_code: str
    pack_qty: int = 1


@dataclass(frozen=True, slots=True)
class LineHit:
    line_no: int
    qty: int


def match_item(order: Order, parcel: Parcel, code: str, meanings: Sequence[ItemCode]) -> LineHit | Refused:
    """The line this code completes, or why not: unknown code, not in this parcel, or one too many.

    A code with several meanings takes the one the parcel still needs. Every no says what is still ``expected``.
    """
    expected = still_wanted(order, parcel)
    if not meanings:
        return Refused(Reason.unknown_code, {"code": code, "expected": expected})
    in_parcel = [(m, pl) for m in meanings for pl in parcel.lines if _sku(order, pl) == m.sku_code]
    if not in_parcel:
        return Refused(Reason.wrong_item, {"code": code, "expected": expected})
    for meaning, line in in_parcel:
        if line.qty_packed + meaning.pack_qty <= line.qty:
            return LineHit(line.line_no, meaning.pack_qty)
    line = in_parcel[0][1]
    said = {"title": _title(order, line), "qty": str(line.qty), "got": str(line.qty_packed)}
    return Refused(Reason.over_quantity, said | {"code": code, "expected": expected})


def _sku(order: Order, line: ParcelLine) -> str:
    found = order.line(line.line_no) if line.order_no == order.order_no else None
    return found.sku_code if found else ""


def _title(order: Order, line: ParcelLine) -> str:
    found = order.line(line.line_no)
    return (found.title or found.sku_code) if found else ""


def still_wanted(order: Order, parcel: Parcel) -> str:
    """The goods the box still lacks, the first three by their titles; empty where it is complete."""
    due = [order.line(pl.line_no) for pl in parcel.lines if pl.qty_packed < pl.qty]
    names = [named(line.title or line.sku_code, line.spec) for line in due if line is not None]
    return "、".join(names[:3])


def named(title: str, spec: str) -> str:
    """Goods by their name, what tells two of one name apart (colour, size) first: long names are cut on screens."""
    return f"【{spec}】{title}" if spec else title
