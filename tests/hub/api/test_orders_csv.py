"""MAP-03: what is peculiar to a channel, taken away as a CSV and filtered by it."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from tests.helpers.hub import HubClient, RunningHub, a_channel_order

PATH = "/v1/exports/orders"
DOUYIN = {
    "influencer_id": "98765432101234567",
    "influencer_name": "=小鹿的直播间",
    "commission_rate": "20",
    "commission_fen": 2560,
    "influencer_cost_fen": 100,
    "live_room_id": "7436690111222333444",
}


def taken(client: HubClient, lang: str = "zh", **asked: str) -> list[dict[str, str]]:
    answer = client.get(PATH, params=asked, headers={"Accept-Language": lang})
    assert answer.status_code == 200, answer.text
    assert (
        answer.content.startswith(b"\xef\xbb\xbf") and "attachment" in answer.headers["content-disposition"]
    )
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def sold(hub: RunningHub, no: str, channel: str, extra: dict[str, Any]) -> str:
    return str(hub.given(a_channel_order(no, channel=channel, extra=extra)).order_no)


@pytest.fixture
def orders(hub: RunningHub) -> dict[str, str]:
    return {
        "douyin": sold(hub, "M03-D", "douyin", DOUYIN),
        "other": sold(hub, "M03-E", "douyin", DOUYIN | {"influencer_id": "4"}),
        "pdd": sold(hub, "M03-P", "pdd", {"group_status": 1}),
    }


def test_influencer_commission_and_group_stand_in_the_file(hub: RunningHub, orders: dict[str, str]) -> None:
    rows = {row["订单号"].strip(): row for row in taken(hub.person("ops_lead"))}
    one, grouped = rows[orders["douyin"]], rows[orders["pdd"]]
    assert one["达人 ID"].strip() == DOUYIN["influencer_id"] and one["达人 ID"].startswith("\t"), (
        "a text, not 9.87E+16"
    )
    assert one["达人"] == "'=小鹿的直播间", "no cell is a formula"
    assert (one["佣金比例"], one["预估佣金（元）"], one["达人费用（元）"]) == ("20", "25.60", "1.00")
    assert one["直播间 ID"].strip() == DOUYIN["live_room_id"] and one["实付（元）"] == "128.00"
    assert (grouped["拼团"], grouped["达人 ID"]) == ("已成团", "")
    assert "Group buying" in taken(hub.person("ops_lead"), "en")[0]


def test_the_file_is_filtered_by_influencer_and_by_group(hub: RunningHub, orders: dict[str, str]) -> None:
    lead = hub.person("ops_lead")

    def numbers(**asked: str) -> set[str]:
        return {row["订单号"].strip() for row in taken(lead, **asked)}

    theirs = numbers(influencer_id=str(DOUYIN["influencer_id"]))
    assert orders["douyin"] in theirs and not theirs & {orders["other"], orders["pdd"]}
    grouped = numbers(group_status="1")
    assert orders["pdd"] in grouped and not grouped & {orders["other"], orders["douyin"]}
    assert numbers(influencer_id="nobody") == numbers(**{"from": "20200101", "to": "20200131"}) == set()


def test_what_cannot_be_asked_is_said(hub: RunningHub) -> None:
    lead = hub.person("ops_lead")
    for asked in (
        {"from": "yesterday"},
        {"from": "20261399", "to": "20261401"},
        {"from": "20200101", "to": "20261231"},
        {"influencer_id": "a\nb"},
        {"influencer_id": 'x"'},
    ):
        assert lead.get(PATH, params=asked).status_code == 422, asked


def test_the_floor_is_told_no_sums_of_influencers_either(hub: RunningHub, orders: dict[str, str]) -> None:
    seen = hub.station("packing").get(f"/v1/orders/{orders['douyin']}").json()
    assert (seen["extra"]["commission_fen"], seen["extra"]["influencer_cost_fen"], seen["paid_fen"]) == (
        0,
        0,
        0,
    )
    assert hub.station("packing").get(PATH).status_code in (401, 403)
    told = {row["订单号"].strip(): row for row in taken(hub.person("supervisor"))}[orders["douyin"]]
    assert [told[sum_] for sum_ in ("实付（元）", "预估佣金（元）", "达人费用（元）")] == ["", "", ""]
