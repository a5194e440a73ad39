"""Real orders of others (Olist, UCI Online Retail) turned into order files of our template.

The data is not part of this repository; it is read from ``../shared/data/orders`` where that folder exists.
What should come of a file is worked out here from the source tables, apart from the code under test.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.helpers.source import ROOT

FOLDER = ROOT.parent / "shared" / "data" / "orders"
#: States of Olist in which the parcel has left.
SHIPPED = ("shipped", "delivered")
_HEADS = (
    "channel_order_no",
    "channel_state",
    "ordered_at",
    "paid_at",
    "ship_by_at",
    "consignee_name",
    "consignee_phone",
    "consignee_address",
    "sku_code",
    "title",
    "qty",
    "price",
    "paid",
    "coupon",
    "freight",
)


@dataclass(frozen=True, slots=True)
class Expected:
    """A file and what must come of it. ``good`` are the order numbers that must be taken, sums are theirs in fen."""

    data: bytes
    rows: int
    good: frozenset[str]
    good_rows: int
    qty: int
    paid_fen: int
    coupon_fen: int
    freight_fen: int


def folder(name: str) -> Path:
    """The folder of one source; skips the test, and says so, where it is not there."""
    path = FOLDER / name
    if not path.is_dir():
        pytest.skip(f"real orders ({name}) are not here: ../shared/data/orders is no part of this repository")
    return path


def _table(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _by(rows: Iterable[dict[str, str]], key: str) -> Mapping[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        found[row[key]].append(row)
    return found


def fen(text: str | Decimal) -> int:
    value = Decimal(text) * 100
    assert value == int(value)
    return int(value)


def olist() -> Expected:
    """Every order of the slice, a row per item; an order without items is a row without article."""
    source = folder("olist")
    items = _by(_table(source / "olist_order_items.csv"), "order_id")
    payments = _by(_table(source / "olist_order_payments.csv"), "order_id")
    customers = {row["customer_id"]: row for row in _table(source / "olist_customers.csv")}
    products = {
        row["product_id"]: row["product_category_name"] for row in _table(source / "olist_products.csv")
    }
    rows: list[list[str]] = []
    good: set[str] = set()
    sums: dict[str, int] = defaultdict(int)
    for order in _table(source / "olist_orders.csv"):
        key, customer = order["order_id"], customers[order["customer_id"]]
        paid = (
            sum((Decimal(p["payment_value"]) for p in payments[key]), Decimal(0)) if payments[key] else None
        )
        coupon = sum(
            (Decimal(p["payment_value"]) for p in payments[key] if p["payment_type"] == "voucher"), Decimal(0)
        )
        lines = items[key]
        freight = sum((Decimal(line["freight_value"]) for line in lines), Decimal(0))
        digits = str(int(customer["customer_unique_id"][:8], 16))[-8:].rjust(8, "0")
        head = [
            key,
            order["order_status"],
            order["order_purchase_timestamp"],
            order["order_approved_at"],
            min((line["shipping_limit_date"] for line in lines), default=""),
            f"Cliente {customer['customer_unique_id'][:8]}",
            f"+55 11 9{digits[:4]}-{digits[4:]}",
            f"CEP {customer['customer_zip_code_prefix']}, {customer['customer_city']} - {customer['customer_state']}",
        ]
        money = ["" if paid is None else str(paid), str(coupon or ""), str(freight or "")]
        for line in lines or [None]:
            if line is None:
                goods = ["", "", "", ""]
            else:
                goods = [line["product_id"], products.get(line["product_id"], ""), "1", line["price"]]
            rows.append([*head, *goods, *money])
        needs_paid = bool(order["order_approved_at"]) or order["order_status"] in SHIPPED
        if lines and not (needs_paid and paid is None):
            good.add(key)
            sums["rows"] += len(lines)
            sums["paid"] += fen(paid or 0)
            sums["coupon"] += fen(coupon)
            sums["freight"] += fen(freight)
    return Expected(
        _csv(rows),
        len(rows),
        frozenset(good),
        sums["rows"],
        sums["rows"],
        sums["paid"],
        sums["coupon"],
        sums["freight"],
    )


def uci(name: str) -> Expected:
    """Every invoice of one UCI file, cancellations and fees (POST, D, M) included, as a row per line.

    An order is good when all its quantities are 1 to 9999, no price is negative, and its lines agree on the time.
    """
    source = folder("uci_online_retail")
    if name == "first_10000_lines.csv":
        lines = [
            (
                r["invoice_no"],
                r["invoice_date"],
                r["customer_id"],
                r["stock_code"],
                "",
                r["quantity"],
                r["unit_price"],
            )
            for r in _table(source / name)
        ]
    else:
        lines = [
            (
                r["InvoiceNo"],
                str(datetime.strptime(r["InvoiceDate"], "%m/%d/%Y %H:%M")),  # noqa: DTZ007 - wall clock
                r["CustomerID"],
                r["StockCode"],
                r["Description"],
                r["Quantity"],
                r["UnitPrice"],
            )
            for r in _table(source / name)
        ]
    totals: dict[str, Decimal] = defaultdict(Decimal)
    times: dict[str, set[str]] = defaultdict(set)
    bad: set[str] = set()
    rows_of: dict[str, int] = defaultdict(int)
    qty_of: dict[str, int] = defaultdict(int)
    for invoice, at, _, sku, _, quantity, price in lines:
        pieces = int(Decimal(quantity))
        totals[invoice] += pieces * Decimal(price)
        times[invoice].add(at)
        rows_of[invoice] += 1
        qty_of[invoice] += pieces
        if not 1 <= pieces <= 9999 or Decimal(price) < 0 or not sku.strip():
            bad.add(invoice)
    good = {invoice for invoice in totals if invoice not in bad and len(times[invoice]) == 1}
    rows = [
        [
            invoice,
            "",
            at,
            at,
            "",
            f"Customer {who or '?'}",
            "01632 960000",
            "United Kingdom",
            sku,
            title,
            quantity,
            price,
            str(totals[invoice]),
            "",
            "",
        ]
        for invoice, at, who, sku, title, quantity, price in lines
    ]
    return Expected(
        _csv(rows),
        len(rows),
        frozenset(good),
        sum(rows_of[invoice] for invoice in good),
        sum(qty_of[invoice] for invoice in good),
        sum(fen(totals[invoice]) for invoice in good),
        0,
        0,
    )


def _csv(rows: Iterable[list[str]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_HEADS)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8")
