"""How much one file may hold. The hub's operator never needs to touch these; tests make them small."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes. ``rows_max`` counts data rows; ``ratio_max`` is unpacked : packed of one workbook.

    200,000 rows are more than a day of the largest shop we know and still fit a small PC's memory; who has
    more splits the file. Excel itself packs order tables 5 to 40 times.
    """

    size_max: int = 50 * 1024 * 1024
    rows_max: int = 200_000
    columns_max: int = 150
    cell_max: int = 32_767
    texts_max: int = 5_000_000
    unpacked_max: int = 600 * 1024 * 1024
    ratio_max: int = 200
    ratio_from: int = 20 * 1024 * 1024
    parts_max: int = 2_000
    header_within: int = 30


LIMITS = Limits()

#: Orders handed to the writer at once: several of its groups, so that it can judge one while another is committed.
PAGE = 1_000
#: Problems named one by one in the report; the refused file holds them all.
PROBLEMS_SHOWN = 500
