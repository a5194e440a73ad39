"""What becomes of a file that was brought in."""

from __future__ import annotations

from typing import Literal

import msgspec


class BadRow(msgspec.Struct, frozen=True, kw_only=True):
    row: int
    column: str
    reason: str
    text: str


class ImportSums(msgspec.Struct, frozen=True, kw_only=True):
    """Count and money of a set of orders, for comparing what a file says with what came of it (ING-15)."""

    orders: int = 0
    lines: int = 0
    qty: int = 0
    paid_fen: int = 0
    coupon_fen: int = 0
    points_fen: int = 0
    freight_fen: int = 0


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """``rows`` counts data rows, and ``rows == taken + unchanged + refused``.

    ``taken`` rows made or changed something, ``unchanged`` rows were known as they are. ``orders`` and ``paid_fen``
    are those of taken and unchanged rows. ``sums_in`` was added up over the good rows of the file, ``sums_out`` over
    what the hub acknowledged: equal unless the hub failed at an order. ``problems`` shows the first few hundred,
    the file all; ``refused_file`` is an .xlsx in base64, empty when nothing was refused.
    """

    kind: str
    rows: int
    taken: int
    unchanged: int
    refused: int
    orders: int = 0
    paid_fen: int = 0
    problems: list[BadRow] = []
    refused_file: str = ""
    is_dry_run: bool = False
    sums_in: ImportSums = ImportSums()
    sums_out: ImportSums = ImportSums()
    unused_columns: list[str] = []


class ImportProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an import under way has got. ``waiting``: another comes first; ``rows`` is known when ``taking``."""

    stage: Literal["waiting", "reading", "taking"]
    rows_done: int = 0
    rows: int = 0
