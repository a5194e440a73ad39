"""Files at the hub's own door: ING-13 (a dealer's workbook), and what no file may do (bad input, D4, C54)."""

from __future__ import annotations

import base64
import io
import random
import re
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import func, select

from hub.db import tables as t
from rehearsal import shop
from tests.helpers.hub import TOML, RunningHub, hub_in_thread
from tests.helpers.platform import Platform, folders, platform_serving, toml_of
from tests.helpers.sheets import csv_rows, raw_xlsx, xlsx_of
from tests.helpers.station import until

SAMPLES = Path(__file__).parents[2] / "resources" / "samples"
ROWS, BAD = 5_000, 50
#: Of the row, asked of the seconds in which this process worked: others may be busy on the machine.
WITHIN_S = 60
PATIENCE_S = 120
#: Orders that each polling shop sells meanwhile.
SOLD = 20


SHOPS = ("shop-1", "shop-2", "shop-3")


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with platform_serving() as served:
        yield served


@pytest.fixture(scope="module")
def intake(tmp_path_factory: pytest.TempPathFactory, platform: Platform) -> Iterator[RunningHub]:
    """A hub that files are brought to while three shops of it poll their platform every second."""
    toml = TOML + "".join(toml_of(platform, shop_id, poll_s=1) for shop_id in SHOPS)
    with hub_in_thread(tmp_path_factory.mktemp("hub"), toml, folders=folders) as running:
        yield running


def bring_in(hub: RunningHub, data: bytes, name: str, lang: str = "en", **params: Any) -> Any:
    answer = hub.admin().post(
        "/v1/imports",
        params={"filename": name, **params},
        content=data,
        headers={"Accept-Language": lang},
        timeout=PATIENCE_S,
    )
    return answer


def held(hub: RunningHub, *shops: str) -> int:
    """Orders of these shops; of those that files go to unless said."""
    ours = t.orders.c.shop_id.in_(shops) if shops else t.orders.c.shop_id.not_in(SHOPS)
    with hub.app.doors.orders.engine.connect() as conn:
        return int(conn.execute(select(func.count()).where(ours)).scalar_one())


def test_five_thousand_rows_of_a_workbook_become_orders_and_bad_ones_come_back(
    intake: RunningHub, platform: Platform
) -> None:
    """ING-13: 60 s is the bar; a few are what two shared cores take. Three shops poll beside."""
    heads = list(shop.ORDER_HEADINGS)
    rows = shop.order_rows(date(2026, 11, 20), seed=13, count=3_300)[:ROWS]
    qty, number = heads.index("数量"), heads.index("平台单号")
    spoiled = set(random.Random(13).sample(range(ROWS), BAD))
    rows = [
        [*row[:qty], "三件", *row[qty + 1 :]] if n in spoiled else list(row) for n, row in enumerate(rows)
    ]
    bad_orders = {row[number] for n, row in enumerate(rows) if n in spoiled}
    refused = sum(row[number] in bad_orders for row in rows)
    book = xlsx_of([heads, *rows])

    intake.admin()
    for n in range(SOLD):
        platform.put(f"beside-{n:02d}")
    polls, began = platform.count("/changed"), time.process_time()
    report = bring_in(intake, book, "经销商 十一月.xlsx").json()
    took, polled = time.process_time() - began, platform.count("/changed") - polls
    assert (report["rows"], report["taken"], report["refused"]) == (ROWS, ROWS - refused, refused)
    assert held(intake) == report["orders"] == len({row[number] for row in rows} - bad_orders)
    assert took <= WITHIN_S
    assert polled >= len(SHOPS), "nobody polled beside the file"
    until(lambda: held(intake, *SHOPS) == len(SHOPS) * SOLD, "what was polled beside is here", PATIENCE_S)

    sheet = openpyxl.load_workbook(io.BytesIO(base64.b64decode(report["refused_file"]))).active
    assert sheet is not None
    back = list(sheet.iter_rows(min_row=2, values_only=True))
    assert len(back) == refused
    assert all(row[1] for row in back), "a reason in each row"
    assert sum("数量" in str(row[1]) for row in back) == BAD
    assert {row[2 + number] for row in back} == bad_orders

    again = bring_in(intake, book, "经销商 十一月.xlsx").json()
    assert (again["taken"], again["unchanged"]) == (0, ROWS - refused)
    assert held(intake) == report["orders"]


def _million_rows() -> bytes:
    head = b"channel_order_no,paid_at,consignee_name,consignee_phone,consignee_address,sku_code,qty,paid\n"
    return head + b"1,2026-11-20,a,138,x,A,1,3\n" * 1_000_000


def _bomb() -> bytes:
    """240 MB of nothing in a workbook of a quarter of a megabyte."""
    return raw_xlsx("<sheetData>" + "<row/>" * 40_000_000 + "</sheetData>")


@pytest.mark.parametrize(
    ("data", "name", "lang", "says"),
    [(_million_rows, "百万行.csv", "en", "200,000|200000"), (_bomb, "炸弹.xlsx", "zh", "解压后")],
    ids=["a million rows", "zip bomb"],
)
def test_a_file_beyond_all_measure_gets_one_sentence_and_takes_nothing(
    intake: RunningHub, data: Any, name: str, lang: str, says: str
) -> None:
    body, before = data(), held(intake)
    began = time.process_time()
    answer = bring_in(intake, body, name, lang=lang)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_file"), answer.text
    sentence = answer.json()["error"]["text"]
    assert re.search(says, sentence) and "{" not in sentence and "Traceback" not in sentence, sentence
    assert time.process_time() - began < WITHIN_S
    assert held(intake) == before
    good = bring_in(intake, csv_rows({"channel_order_no": f"after-{len(body)}"}), "x.csv")
    assert good.status_code == 200, "and the hub goes on"


def test_a_number_that_excel_damaged_is_refused_with_the_cause(intake: RunningHub) -> None:
    """D4."""
    data = csv_rows({"channel_order_no": "4.78E+18"}, {"channel_order_no": "478012345678901234"})
    report = bring_in(intake, data, "订单.csv").json()
    assert (report["taken"], report["refused"]) == (1, 1)
    [problem] = report["problems"]
    assert (problem["row"], problem["column"]) == (2, "channel_order_no")
    assert "4.78E+18" in problem["text"]


@pytest.mark.parametrize("name", ["orders.xlsx", "items.xlsx"])
def test_long_numbers_of_the_templates_are_text_cells(name: str) -> None:
    """C54: who fills in the template in a spreadsheet keeps the last digits."""
    sheet = openpyxl.load_workbook(SAMPLES / name).active
    assert sheet is not None
    long = [
        cell
        for row in sheet.iter_rows(min_row=2)
        for cell in row
        if re.fullmatch(r"[0-9-]{11,}", str(cell.value or ""))
    ]
    assert len(long) > 20
    assert {(cell.data_type, cell.number_format) for cell in long} == {("s", "@")}


@pytest.mark.parametrize("name", ["orders.csv", "waybills.csv"])
def test_templates_in_csv_begin_with_the_mark_a_spreadsheet_needs(name: str) -> None:
    """D4."""
    assert (SAMPLES / name).read_bytes().startswith(b"\xef\xbb\xbf")
