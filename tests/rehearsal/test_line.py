"""Samples through the real hub's doors over HTTP, and the courier's pushes behind them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.order import OrderState
from app.ports import SystemClock
from hub.connectors.channels.file import read_table
from rehearsal.courier import Manners, Waybill, badly, play
from tests.helpers.hub import TOML, a_channel_order, hub_in_thread
from tests.helpers.source import ROOT

SAMPLES = ROOT / "resources" / "samples"
SECRET = "a secret of the courier"
WITH_COURIER = TOML + f'[[carrier]]\nconnector = "rehearsal"\nkey = "{SECRET}"\n'
WAYBILL = "78412600913355"


@pytest.mark.gbk
def test_a_file_sent_to_the_hub_comes_back_as_a_report(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path / "数据 1") as hub:
        admin = hub.admin()
        data = (SAMPLES / "orders.xlsx").read_bytes()
        report = admin.post("/v1/imports", content=data, params={"filename": "订单.xlsx"}).json()
        assert (report["orders"], report["refused"], report["sums_in"]) == (60, 0, report["sums_out"])
        form = {"file": ("订单.csv", (SAMPLES / "orders.csv").read_bytes())}
        again = admin.post("/v1/imports", files=form).json()
        assert (again["taken"], again["unchanged"]) == (0, report["taken"])
        found = admin.get("/v1/orders", params={"q": "4726112000006177819"}).json()["orders"]
        assert [order["consignee"]["name"] for order in found] == ["张**"]
        bad = "平台单号,付款时间,收货人,手机,收货地址,商品编码,数量,实付金额\n4.78E+18,2026-11-20,张,138,a,A,1,3\n"
        answer = admin.post(
            "/v1/imports", content=bad.encode("gbk"), headers={"Accept-Language": "zh"}
        ).json()
        assert answer["refused"] == 1 and "Excel" in answer["problems"][0]["text"]
        assert read_table(base64.b64decode(answer["refused_file"]), "back.xlsx").rows
        refused = admin.post("/v1/imports", content=b"%PDF-1.7", headers={"Accept-Language": "zh"})
        assert refused.status_code == 422 and "PDF" in refused.json()["error"]["text"]


@pytest.mark.parametrize("manners", [Manners(), badly(Manners()), Manners(cumulative=True, odd_words=True)])
def test_a_parcel_on_its_way_is_delivered_however_the_courier_tells_it(
    manners: Manners, tmp_path: Path
) -> None:
    with hub_in_thread(tmp_path, WITH_COURIER) as hub:
        order = hub.given(a_channel_order("T1", is_shipped=True, carrier="zhongtong", waybill_no=WAYBILL))
        sent = play(hub.url, SECRET, [Waybill(WAYBILL)], 1, manners, SystemClock())
        assert {one.status for one in sent} == {200}
        told = {(node.at, node.kind) for one in sent for node in one.push.nodes}
        story = hub.admin().get(f"/v1/orders/{order.order_no}/story").json()
        heard = [entry for entry in story if entry["kind"] == "track_node"]
        assert len(heard) == len(told), "every node once, however often it was pushed"
        now = hub.app.doors.orders.lookup.order(order.order_no)
        assert now is not None and now.order_state is OrderState.delivered


def test_a_wrong_or_old_signature_is_refused(tmp_path: Path) -> None:
    class OldClock(SystemClock):
        def now(self) -> datetime:
            return datetime(2026, 1, 1, tzinfo=UTC)

    with hub_in_thread(tmp_path, WITH_COURIER) as hub:
        for secret, clock in (("wrong", SystemClock()), (SECRET, OldClock())):
            sent = play(hub.url, secret, [Waybill(WAYBILL)], 1, Manners(), clock)
            assert {one.status for one in sent} == {401}
