"""Who may do what, held over every route and every kind of act (GOV-01), and that nothing is removed (GOV-02).

The table below is written by hand from what the roles are for; the hub is asked over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core.acts import ActKind
from app.wire import Role
from hub.auth import rights
from hub.auth.rights import ROUTES
from tests.helpers.hub import HubClient, RunningHub, hub_in_thread

ROLES = [
    "packer",
    "supervisor",
    "warehouse_admin",
    "cs_rep",
    "cs_lead",
    "ops_lead",
    "finance",
    "manager",
    "admin",
]

# A column per role in the order above: x may, . may not. Signed on without a station.
ROUTES_BY_ROLE = """
GET  /v1/changes                          . x x x x x x x x
GET  /v1/digest                           . x x x x x x x x
POST /v1/digest/repair                    . x x x x x x x x
GET  /v1/rows                             . x x x x x x x x
GET  /v1/stream                           . x x x x x x x x
GET  /v1/orders                           . x x x x x x x x
GET  /v1/exports/orders                   . x x x x x x x x
GET  /v1/orders/{order_no}                x x x x x x x x x
GET  /v1/orders/{order_no}/story          x x x x x x x . x
POST /v1/orders/{order_no}/reveal         . x x x x x . . x
POST /v1/parcels/{parcel_no}/track        . x x x x x . . x
POST /v1/alarms/{alarm_id}/ack            . x x . x x . . x
POST /v1/restored/go                      . x x . . . . . x
POST /v1/restored/brought                 . . x . . x . . x
GET  /v1/me/day                           x x x . . . . . x
GET  /v1/work                             . x x . . x . x x
GET  /v1/work/acts                        . x x . . x . x x
GET  /v1/exports/work                     . x x . . x . x x
POST /v1/acts                             x x x x x x x x x
GET  /v1/shops                            . x x x x x x x x
PUT  /v1/shops/{shop_id}                  . . . . . . . . x
POST /v1/shops/{shop_id}/check            . . . . . x . . x
POST /v1/shops/{shop_id}/poll             . . . . . x . . x
POST /v1/couriers/{connector}/check       . . . . . x . . x
POST /v1/shops/{shop_id}/sweep            . . . . . x . . x
GET  /v1/shops/{shop_id}/missed           . . . . . x . . x
POST /v1/shops/{shop_id}/missed           . . . . . x . . x
GET  /v1/ship_backs                       . x x . x x . x x
POST /v1/ship_backs/{parcel_no}/retry     . . . . . x . . x
GET  /v1/quarantine                       . . . . . x . . x
POST /v1/quarantine/{quarantine_id}/retry . . . . . x . . x
POST /v1/imports                          . . x . . x . . x
GET  /v1/imports/{ticket}                 . . x . . x . . x
POST /v1/imports/{ticket}/stop            . . x . . x . . x
GET  /v1/stations                         . x x . . x . x x
POST /v1/stations/{station_id}/revoke     . . x . . . . . x
POST /v1/pairing_codes                    . . x . . . . . x
GET  /v1/users                            . . . . . . . . x
POST /v1/users                            . . . . . . . . x
POST /v1/users/{name}/password            . . . . . . . . x
POST /v1/users/{name}/role                . . . . . . . . x
POST /v1/users/{name}/badge               . . x . . . . . x
POST /v1/users/{name}/badge/revoke        . . x . . . . . x
GET  /v1/sessions/me                      x x x x x x x x x
POST /v1/sessions/end                     x x x x x x x x x
GET  /metrics                             . . . . . x . x x
PUT  /v1/stations/me                      . . . . . . . . .
POST /v1/leases                           . . . . . . . . .
POST /v1/go_checks                        . . . . . . . . .
POST /v1/parcels/{parcel_no}/label        . . . . . . . . .
"""
# Signed on at a paired packing station: what a station is needed for.
AT_A_STATION = """
PUT  /v1/stations/me                      x x x x x x x x x
POST /v1/leases                           x x x . . . . . x
POST /v1/go_checks                        x x x . . . . . x
POST /v1/parcels/{parcel_no}/label        x x x . . . . . x
"""
#: No token at all: the body, a code or a signature speaks for the caller.
OPEN = {
    ("GET", "/healthz"),
    ("GET", "/openapi.json"),
    ("GET", "/ca.pem"),
    ("POST", "/v1/setup"),
    ("POST", "/v1/sessions"),
    ("POST", "/v1/stations"),
    ("POST", "/v1/webhooks/carrier/{connector}"),
    ("POST", "/v1/webhooks/{shop_id}"),
}
ACTS_BY_ROLE = """
opened            x x x . . . . . x
line_packed       x x x . . . . . x
line_unpacked     x x x . . . . . x
parcel_closed     x x x . . . . . x
slip_printed      x x x . . . . . x
label_printed     x x x . . . . . x
freeze_shown      x x x . . . . . x
freeze_acked      x x x . . . . . x
parcel_pulled     x x x . . . . . x
put_back          x x x . . . . . x
waybill_bound     x x x . . . . . x
barcode_learned   x x x . . . . . x
handed_over       x x x . . . . . x
marked_abnormal   x x x . . . . . x
cancel            . . . x x x . . x
change_address    . . . x x x . . x
change_remark     . . . x x x . . x
rush              . x x x x x . . x
hold              . x x x x x . . x
release           . x x . x x . . x
decide_conflict   . x x . . x . . x
take_over         . x x . . . . . x
redo_label        . x x . . x . . x
reveal            . x x x x x . . x
close_refund      . . . . x x . . x
message_sent      . . . x x x . . x
split_parcel      x x x . . . . . x
"""


def _routes(table: str) -> dict[tuple[str, str], dict[str, bool]]:
    rows = [line.split() for line in table.strip().splitlines()]
    return {
        (row[0], row[1]): dict(zip(ROLES, [mark == "x" for mark in row[2:]], strict=True)) for row in rows
    }


def _acts() -> dict[str, dict[str, bool]]:
    rows = [line.split() for line in ACTS_BY_ROLE.strip().splitlines()]
    return {row[0]: dict(zip(ROLES, [mark == "x" for mark in row[1:]], strict=True)) for row in rows}


class People:
    """Somebody of every role, signed on alone and at a packing station."""

    def __init__(self, hub: RunningHub) -> None:
        self.hub = hub
        self.alone = {role: hub.person(role, name=f"the {role}") for role in ROLES}
        self.at_station: dict[str, HubClient] = {}
        for role in ROLES:
            paired = hub.pair("packing", name=f"台 {role}")
            session = hub.sign_in(f"the {role}", station=hub.client(paired.token))
            self.at_station[role] = hub.client(paired.token, session)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    with hub_in_thread(tmp_path_factory.mktemp("hub")) as running:
        yield People(running)


def _is_let_in(client: HubClient, method: str, path: str) -> bool:
    """Whether the gate lets the caller through; what is behind it may find fault with the empty body."""
    path = path.replace("{order_no}", "NOBODY").replace("{station_id}", "NOBODY").replace("{name}", "nobody")
    path = path.replace("{shop_id}", "nobody").replace("{quarantine_id}", "nothing")
    path = (
        path.replace("{parcel_no}", "NOBODY").replace("{alarm_id}", "NOBODY").replace("{connector}", "nobody")
    )
    if path == "/v1/stream":
        with client.stream(method, path) as answer:
            return _judged(answer.status_code, "")
    answer = client.request(method, path, content=b"[]" if method != "GET" else None)
    return _judged(answer.status_code, answer.text)


def _judged(status: int, body: str) -> bool:
    assert status < 500, body
    assert status != 401, body
    if status == 403:
        assert json.loads(body or '{"error":{"text":" "}}')["error"]["text"]
    return status != 403


def test_every_route_of_the_hub_stands_in_this_table(people: People) -> None:
    told = people.hub.client().get("/openapi.json").json()["paths"]
    told_routes = {(method.upper(), path) for path, methods in told.items() for method in methods}
    known = _routes(ROUTES_BY_ROLE).keys() | OPEN
    assert told_routes == known
    assert set(ROUTES) == known


@pytest.mark.parametrize(
    "route", [r for r in _routes(ROUTES_BY_ROLE) if r != ("POST", "/v1/sessions/end")], ids=" ".join
)
def test_a_role_calls_what_it_may_and_nothing_else(people: People, route: tuple[str, str]) -> None:
    wanted = _routes(ROUTES_BY_ROLE)[route]
    assert {role: _is_let_in(people.alone[role], *route) for role in ROLES} == wanted


@pytest.mark.parametrize("route", _routes(AT_A_STATION), ids=" ".join)
def test_at_a_station_the_person_decides_what_the_station_is_for(
    people: People, route: tuple[str, str]
) -> None:
    wanted = _routes(AT_A_STATION)[route]
    assert {role: _is_let_in(people.at_station[role], *route) for role in ROLES} == wanted


@pytest.mark.parametrize("route", [r for r in ROUTES if r not in OPEN], ids=" ".join)
def test_without_a_token_nothing_is_told(people: People, route: tuple[str, str]) -> None:
    if route == ("GET", "/metrics"):
        return  # programs on this very machine may look at figures
    method, path = route
    for token in ("", "not-a-token"):
        answer = people.hub.client(token).request(
            method, path.replace("{", "").replace("}", ""), content=b"{}"
        )
        assert answer.status_code == 401, answer.text
        assert answer.json()["error"]["text"]


def test_every_kind_of_act_stands_in_this_table() -> None:
    assert set(_acts()) == set(ActKind)
    assert set(ROLES) == set(Role)


@pytest.mark.parametrize("kind", _acts())
def test_a_role_sends_the_acts_it_may_and_nothing_else(people: People, kind: str) -> None:
    wanted = _acts()[kind]
    for clients in (people.alone, people.at_station):
        receipts = {role: clients[role].act(kind, "OD20260101001") for role in ROLES}
        assert {role: receipt.reason != "not_allowed" for role, receipt in receipts.items()} == wanted


def test_a_refused_act_leaves_no_trace_and_can_be_sent_by_who_may(people: People) -> None:
    order = people.hub.given()
    refused = people.alone["packer"].act("cancel", order.order_no, act_id="CANCEL-1", body={"note": "x"})
    assert (refused.outcome, refused.reason) == ("refused", "not_allowed")
    taken = people.alone["cs_rep"].act("cancel", order.order_no, act_id="CANCEL-1", body={"note": "x"})
    assert (taken.outcome, taken.replayed) == ("applied", False)


@pytest.mark.parametrize("role", ROLES)
def test_a_session_tells_what_it_may_do(people: People, role: str) -> None:
    me = people.alone[role].get("/v1/sessions/me").json()
    assert me["acts"] == [kind for kind, may in _acts().items() if may[role]]
    assert me["screens"]
    assert me["role"] == role


@pytest.mark.parametrize(
    ("kind", "role"),
    [("packing", "packer"), ("supervisor", "supervisor"), ("service", "cs_rep"), ("ops", "ops_lead")],
)
def test_a_station_nobody_signed_on_at_has_the_rights_of_its_desk(
    people: People, kind: str, role: str
) -> None:
    station = people.hub.station(kind)
    me = station.get("/v1/sessions/me").json()
    assert (me["user"], me["acts"]) == ("1 号台", [k for k, may in _acts().items() if may[role]])


def test_where_sign_on_is_required_a_bench_alone_reports_facts_only(tmp_path: Path) -> None:
    from tests.helpers.hub import TOML

    with hub_in_thread(tmp_path, "[hub]\nsign_on_required = true\n" + TOML) as hub:
        order, bench, desk = hub.given(), hub.station("packing"), hub.station("service")
        parcel_no = order.parcels[0].parcel_no
        assert bench.act("opened", order.order_no, parcel_no).outcome == "applied"
        assert desk.act("cancel", order.order_no).reason == "not_allowed"
        assert bench.post("/v1/leases", json={"parcel_nos": [parcel_no]}).status_code == 403
        assert bench.changes().head > 0
        hub.person("cs_rep", name="李客服")
        session = hub.sign_in("李客服", station=desk)
        assert hub.client(desk.token, session).act("cancel", order.order_no).outcome == "applied"


# --------------------------------------------------------------------------------------------- GOV-02


def test_no_route_of_the_hub_removes_anything() -> None:
    assert not [route for route in ROUTES if route[0] == "DELETE"]
    assert set(Role) == rights.EVERYONE


@pytest.mark.parametrize(
    "path", ["/v1/orders/{no}", "/v1/orders", "/v1/orders/{no}/story", "/v1/users/admin"]
)
@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
def test_even_an_administrator_cannot_remove_or_overwrite(people: People, method: str, path: str) -> None:
    order = people.hub.given()
    path = path.replace("{no}", order.order_no)
    assert people.alone["admin"].request(method, path).status_code in (404, 405)
    assert people.alone["admin"].get(f"/v1/orders/{order.order_no}").status_code == 200


def test_the_history_of_an_order_cannot_be_rewritten_even_in_the_database(people: People) -> None:
    order = people.hub.given()
    engine = people.hub.app.doors.orders.engine
    for statement in (
        "DELETE FROM history WHERE order_no = :no",
        "UPDATE history SET kind = 'released' WHERE order_no = :no",
        "UPDATE history SET body = X'7B7D' WHERE order_no = :no",
    ):
        with pytest.raises(DBAPIError), engine.begin() as conn:
            conn.execute(text(statement), {"no": order.order_no})


def test_what_a_cancelled_order_was_stays_to_be_read(people: People) -> None:
    order = people.hub.given()
    people.alone["cs_rep"].act("cancel", order.order_no, body={"is_final": True})
    story = people.alone["cs_rep"].get(f"/v1/orders/{order.order_no}/story").json()
    assert {"received", "cancel_asked"} <= {entry["kind"] for entry in story}
    assert msgspec.json.encode(story)
