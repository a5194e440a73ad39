"""FRZ-10, "who changed the order?": the file of an order to take away, as people and spreadsheets read it."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import msgspec
import pytest

from app.core.cells import csv_cell
from app.core.history import HistoryKind, HistoryRow
from hub.api.story_csv import story_csv
from tests.helpers.filehub import NOW
from tests.helpers.hub import HubClient, RunningHub, a_channel_order
from tests.helpers.sheets import SHANGHAI, TEXTS

HEADS = {
    "en": "Order number,Happened at,Recorded at,What happened,Who,Station,Source,Parcel number,Before,After,"
    "Courier's words,Record id",
    "zh": "系统单号,发生时间,记录时间,事项,操作人,工位,来源,包裹号,变更前,变更后,快递原文,操作编号",
}


def rows_of(body: bytes) -> list[dict[str, str]]:
    assert body.startswith(b"\xef\xbb\xbf"), "a spreadsheet takes it for UTF-8 by its mark"
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def exported(client: HubClient, order_no: str, **more: Any) -> list[dict[str, str]]:
    answer = client.get(f"/v1/orders/{order_no}/story", params={"format": "csv"}, **more)
    assert answer.status_code == 200, answer.text
    return rows_of(answer.content)


def test_each_command_stands_there_with_who_where_when_before_and_after(hub: RunningHub) -> None:
    bench, rep, head = (
        hub.station("packing", name="打包台 3"),
        hub.person("cs_rep", "李客服"),
        hub.person("supervisor"),
    )
    order = hub.given()
    no, parcel_no = order.order_no, order.parcels[0].parcel_no
    bench.act("opened", no, parcel_no)
    bench.act("line_packed", no, parcel_no, body={"line_no": 1})
    rep.act("change_remark", no, body={"seller_remark": "改发顺丰"})
    rep.act("rush", no)
    held = rep.act("hold", no, body={"note": "等买家"}, act_id="HOLD-1")
    assert held.outcome == "applied"
    assert head.act("release", no, body={"stop_id": "HOLD-1", "note": "买家已回"}).outcome == "applied"
    assert rep.act("cancel", no, body={"is_final": True}).outcome == "applied"
    rows = exported(hub.admin(), no)
    told = {row["What happened"].split(" ")[0]: row for row in rows}
    values = {what: (row["Before"], row["After"]) for what, row in told.items()}
    assert values["Parcel"] == ("State: Ready to pick", "State: Packing")
    assert values["Scanned"] == ("Units in the box: 0", "Units in the box: 1")
    assert values["Seller"] == ("Seller remark: none", "Seller remark: 改发顺丰")
    assert values["Rush"] == ("Rush: no", "Rush: yes")
    assert values["Cancel"] == ("Frozen: no\nStops: none", "Frozen: yes\nStops: Cancel")
    assert values["The"] == ("State: Packing\nStops: Cancel", "State: Cancelled\nStops: none")
    stops = [(row["Before"], row["After"]) for row in rows if row["What happened"].startswith("Stop")]
    assert ("Stops: none", "Stops: On hold") in stops
    assert ("Stops: On hold", "Stops: none") in stops
    assert (told["Scanned"]["Station"], told["Scanned"]["Source"]) == ("打包台 3", "打包台 3")
    assert told["Cancel"]["Who"] == "李客服"
    moment = re.compile(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+08:00")
    assert all(
        moment.fullmatch(row["Happened at"]) and moment.fullmatch(row["Recorded at"]) for row in told.values()
    )
    assert all(row["Order number"] == no for row in told.values())


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_it_comes_by_accept_or_by_format_in_the_readers_language(hub: RunningHub, lang: str) -> None:
    order, admin = hub.given(), hub.admin()
    path = f"/v1/orders/{order.order_no}/story"
    answer = admin.get(path, headers={"Accept": "text/csv", "Accept-Language": lang})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="{order.order_no}.csv"'
    assert answer.content.decode("utf-8-sig").splitlines()[0] == HEADS[lang]
    assert len(rows_of(answer.content)) == len(admin.get(path).json())
    for plain in ({}, {"Accept": "*/*"}, {"Accept": "application/json, text/csv;q=0.5"}):
        assert admin.get(path, headers=plain).headers["content-type"] == "application/json"
    asked = admin.get(path, params={"format": "json"}, headers={"Accept": "text/csv"})
    assert asked.headers["content-type"] == "application/json"
    refused = admin.get(path, params={"format": "xlsx"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad_format")
    assert admin.get("/v1/orders/NOBODY/story", params={"format": "csv"}).status_code == 404


def test_no_cell_is_a_formula_and_long_numbers_stay_texts(hub: RunningHub) -> None:
    order = hub.given(a_channel_order("T-evil", seller_remark="=1+1"))
    no, parcel_no = order.order_no, order.parcels[0].parcel_no
    rep, bench = hub.person("cs_rep", name="=cmd|'/C calc'!A0"), hub.station("packing")
    rep.act("change_remark", no, body={"seller_remark": '=HYPERLINK("http://x","y")'})
    rep.act("hold", no, body={"note": "+86 138"})
    bench.act("waybill_bound", no, parcel_no, body={"waybill_no": "780123456789012345"})
    rows = exported(hub.admin(), no)
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\r"))]
    assert any("=cmd" in cell for cell in cells)
    assert "Waybill: 780123456789012345" in [row["After"] for row in rows]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("780123456789012345", "\t780123456789012345"),
        ("00123", "\t00123"),
        ("42", "42"),
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-5", "'-5"),
        ("\t=1", "'\t=1"),
        ("林小满", "林小满"),
    ],
)
def test_a_text_is_a_text_for_a_spreadsheet(text: str, cell: str) -> None:
    assert csv_cell(text) == cell


def test_the_floor_is_told_no_sums_and_finance_nobodys_words(hub: RunningHub) -> None:
    order = hub.given()
    hub.given(a_channel_order(paid_fen=99_900, seller_remark="大客户"))
    rep = hub.person("cs_rep", name="李客服")
    rep.act("change_remark", order.order_no, body={"seller_remark": "林小满的电话改了"})
    rep.act("hold", order.order_no, body={"note": "林小满 说等等"})
    # whole numbers: OD20261128001 holds another "12800", and so may an id
    sums = re.compile(r"(?<![0-9A-Z])(999\.00|99900|128\.00|12800)(?![0-9A-Z])")
    for client, sees_sums, sees_words in (
        (hub.admin(), True, True),
        (hub.person("supervisor"), False, True),
        (hub.person("finance"), True, False),
    ):
        path = f"/v1/orders/{order.order_no}/story"
        for told in (client.get(path, params={"format": "csv"}).text, client.get(path).text):
            assert bool(sums.search(told)) is sees_sums, told
            assert ("林小满" in told) is sees_words, told
            assert "李客服" in told
    assert hub.person("manager").get(path).status_code == 403


def test_every_kind_of_happening_has_its_line() -> None:
    rows = [
        HistoryRow(id=n, order_no="OD20261121001", kind=kind, at=NOW, params={"text": "已签收", "title": "a"})
        for n, kind in enumerate(HistoryKind)
    ]
    for lang in ("zh", "en"):
        lines = rows_of(story_csv(rows, {}, SHANGHAI, TEXTS, lang))  # type: ignore[arg-type]
        assert len(lines) == len(HistoryKind)
        assert all(list(line.values())[3] and "{" not in list(line.values())[3] for line in lines)


def test_the_description_says_both_forms(lasting_hub: RunningHub) -> None:
    told = lasting_hub.client().get("/openapi.json").json()["paths"]["/v1/orders/{order_no}/story"]["get"]
    assert set(told["responses"]["200"]["content"]) == {"application/json", "text/csv"}
    assert msgspec.json.encode(told["parameters"])
    assert {p["name"] for p in told["parameters"]} == {"format", "order_no"}
