"""Orders of real markets go through the file door: nothing is lost, nothing is doubled, sums are equal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cache, partial
from pathlib import Path

import pytest

from hub.connectors.channels.file import orders_of, read_table
from tests.helpers import olist
from tests.helpers.filehub import file_hub
from tests.helpers.olist import Expected
from tests.helpers.sheets import SHANGHAI

#: Each is read once for all tests.
SOURCES = {
    "olist": cache(olist.olist),
    "uci first lines": cache(partial(olist.uci, "first_10000_lines.csv")),
    "uci random rows": cache(partial(olist.uci, "random_rows.csv")),
}
sources = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)


@sources
def test_every_real_order_is_taken_whole_or_refused_with_a_reason(source: Callable[[], Expected]) -> None:
    expected = source()
    read = orders_of(read_table(expected.data, "real.csv"), "s", "file", SHANGHAI, date(2026, 11, 21))
    assert {order.channel_order_no for order in read.values} == expected.good
    refused = {problem.row for problem in read.problems}
    assert read.rows == expected.rows == expected.good_rows + len(refused)
    assert (
        read.sums.lines,
        read.sums.qty,
        read.sums.paid_fen,
        read.sums.coupon_fen,
        read.sums.freight_fen,
    ) == (
        expected.good_rows,
        expected.qty,
        expected.paid_fen,
        expected.coupon_fen,
        expected.freight_fen,
    )
    assert len(read.values) > 100, "the slice was really there"


@pytest.mark.anyio
@sources
async def test_the_hub_holds_what_the_file_said_and_a_second_import_changes_nothing(
    source: Callable[[], Expected], tmp_path: Path
) -> None:
    expected = source()
    async with file_hub(tmp_path) as hub:
        first = await hub.bring_in(expected.data)
        stored = hub.sums()
        assert (first.taken, first.unchanged) == (expected.good_rows, 0)
        assert first.rows == first.taken + first.refused == expected.rows
        assert first.sums_in == first.sums_out == stored
        assert (stored.orders, stored.paid_fen, stored.coupon_fen) == (
            len(expected.good),
            expected.paid_fen,
            expected.coupon_fen,
        )
        again = await hub.bring_in(expected.data)
        assert (again.taken, again.unchanged, again.refused) == (0, expected.good_rows, first.refused)
        assert hub.sums() == stored


def test_olist_states_become_ours() -> None:
    expected = SOURCES["olist"]()
    read = orders_of(read_table(expected.data, "real.csv"), "s", "file", SHANGHAI, date(2026, 11, 21))
    by_state: dict[str, set[tuple[bool, bool]]] = {}
    for order in read.values:
        by_state.setdefault(order.channel_state, set()).add((order.is_shipped, order.is_cancelled))
    assert by_state["delivered"] == by_state["shipped"] == {(True, False)}
    assert by_state["canceled"] == {(False, True)}
    assert by_state["processing"] == by_state["invoiced"] == {(False, False)}


def test_cancelled_invoices_come_back_for_their_negative_quantities() -> None:
    expected = SOURCES["uci random rows"]()
    table = read_table(expected.data, "real.csv")
    read = orders_of(table, "s", "file", SHANGHAI, date(2026, 11, 21))
    cancelled = {row.no for row in table.rows if str(row.cells[0]).startswith("C")}
    assert cancelled and cancelled <= {
        p.row for p in read.problems if p.key in ("qty_negative", "row_of_refused")
    }
