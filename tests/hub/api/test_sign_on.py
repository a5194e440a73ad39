"""Sessions, badges, pairing, users: tokens are few, short-lived where they can be, and worthless once revoked."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.helpers.hub import ADMIN, PASSWORD, TOML, HubClient, RunningHub, a_channel_order, hub_in_thread
from tests.helpers.station import until


class Moved:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
        self.seconds = 1000.0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.seconds

    def on(self, **span: float) -> None:
        step = timedelta(**span)
        self.at += step
        self.seconds += step.total_seconds()


# ------------------------------------------------------------------------------------------- passwords


@pytest.mark.parametrize("user", [ADMIN, "nobody of this name"])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(hub: RunningHub, user: str) -> None:
    answer = hub.client().post("/v1/sessions", json={"user": user, "password": "wrong"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "wrong_password"


def test_after_five_wrong_tries_even_the_right_password_has_to_wait(tmp_path: Path) -> None:
    clock = Moved()
    with hub_in_thread(tmp_path, clock=clock) as hub:
        body = {"user": ADMIN, "password": "wrong"}
        assert [hub.client().post("/v1/sessions", json=body).status_code for _ in range(5)] == [401] * 5
        late = hub.client().post("/v1/sessions", json=body | {"password": PASSWORD})
        assert late.status_code == 429
        assert int(late.headers["retry-after"]) > 0
        clock.on(minutes=5, seconds=1)
        assert hub.sign_in()


def test_one_password_tried_on_many_names_is_stopped_too(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, clock=Moved()) as hub:
        client = hub.client()
        told = [
            client.post("/v1/sessions", json={"user": f"user{n}", "password": "Password1"}).status_code
            for n in range(51)
        ]
        assert told == [401] * 50 + [429]


def test_a_session_ends_after_twelve_hours_and_after_signing_off(tmp_path: Path) -> None:
    clock = Moved()
    with hub_in_thread(tmp_path, clock=clock) as hub:
        first, second = hub.client(hub.sign_in()), hub.client(hub.sign_in())
        assert first.post("/v1/sessions/end").status_code == 200
        assert first.get("/v1/sessions/me").status_code == 401
        assert second.get("/v1/sessions/me").status_code == 200
        clock.on(hours=12, seconds=1)
        assert second.get("/v1/sessions/me").status_code == 401


def test_tokens_outlive_a_restart_and_are_not_in_the_database(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path) as hub:
        session, station = hub.sign_in(), hub.pair().token
    with hub_in_thread(tmp_path) as hub:
        assert hub.client(session).get("/v1/sessions/me").status_code == 200
        assert hub.client(station).get("/v1/sessions/me").json()["station_kind"] == "packing"
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (session, station, PASSWORD):
        assert secret.encode() not in everything


def test_a_password_is_kept_as_argon2_at_full_strength(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, passwords=None) as hub, hub.app.doors.orders.engine.connect() as conn:
        assert hub.sign_in()
        stored = conn.execute(text("SELECT password_hash FROM person")).scalar_one()
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


# ---------------------------------------------------------------------------------------------- badges


def test_a_badge_signs_on_at_a_station_and_nowhere_else(hub: RunningHub) -> None:
    hub.person("packer", name="王打包")
    code = hub.admin().post("/v1/users/王打包/badge").json()["code"]
    assert hub.client().post("/v1/sessions", json={"badge": code}).status_code == 403
    bench = hub.station()
    session = bench.post("/v1/sessions", json={"badge": code}).json()
    assert (session["user"], session["role"]) == ("王打包", "packer")
    assert hub.client(bench.token, session["token"]).get("/v1/sessions/me").json()["user"] == "王打包"

    newer = hub.admin().post("/v1/users/王打包/badge").json()["code"]
    assert bench.post("/v1/sessions", json={"badge": code}).status_code == 401
    assert bench.post("/v1/sessions", json={"badge": newer}).status_code == 200


def test_a_badge_that_is_taken_away_signs_nobody_on_and_off_who_was(hub: RunningHub) -> None:
    hub.person("packer", name="王打包")
    code = hub.admin().post("/v1/users/王打包/badge").json()["code"]
    bench = hub.station()
    session = bench.post("/v1/sessions", json={"badge": code}).json()["token"]
    assert hub.admin().post("/v1/users/王打包/badge/revoke").status_code == 200
    assert hub.client(bench.token, session).get("/v1/sessions/me").status_code == 401
    assert bench.post("/v1/sessions", json={"badge": code}).status_code == 401
    assert [
        u["has_badge"] for u in hub.admin().get("/v1/users").json()["users"] if u["name"] == "王打包"
    ] == [False]
    keeper = hub.person("warehouse_admin", name="仓管")
    assert keeper.post(f"/v1/users/{ADMIN}/badge/revoke").status_code == 403


def test_a_session_of_one_station_is_worth_nothing_at_another(hub: RunningHub) -> None:
    hub.person("packer", name="王打包")
    here, there = hub.station(name="1 号台"), hub.station(name="2 号台")
    session = hub.sign_in("王打包", station=here)
    answer = hub.client(there.token, session).get("/v1/sessions/me")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "session_ended")


def test_signing_on_at_a_bench_ends_who_was_there_before(hub: RunningHub) -> None:
    hub.person("packer", name="早班")
    hub.person("packer", name="晚班")
    bench = hub.station()
    early = hub.client(bench.token, hub.sign_in("早班", station=bench))
    late = hub.client(bench.token, hub.sign_in("晚班", station=bench))
    hub.app.doors.auth.callers.forget()
    assert early.get("/v1/sessions/me").status_code == 401
    assert late.get("/v1/sessions/me").json()["user"] == "晚班"


def test_facts_of_an_ended_session_are_still_its_persons(hub: RunningHub) -> None:
    hub.person("packer", name="早班")
    bench = hub.station()
    early = hub.client(bench.token, hub.sign_in("早班", station=bench))
    order = hub.given()
    made_at = datetime.now(UTC)
    early.post("/v1/sessions/end")
    parcel_no = order.parcels[0].parcel_no
    assert early.act("opened", order.order_no, parcel_no, made_at=made_at).outcome == "applied"
    assert early.act("cancel", order.order_no).reason == "not_allowed"
    story = hub.admin().get(f"/v1/orders/{order.order_no}/story").json()
    assert [entry["actor"] for entry in story if entry["kind"] == "opened"] == ["早班"]


# --------------------------------------------------------------------------------------------- pairing


def _code(hub: RunningHub, kind: str = "packing") -> str:
    return str(hub.admin().post("/v1/pairing_codes", json={"kind": kind}).json()["code"])


def _join(hub: RunningHub, code: str) -> int:
    return hub.client().post("/v1/stations", json={"code": code, "name": "1 号台"}).status_code


def test_a_code_has_eight_characters_and_works_once(hub: RunningHub) -> None:
    code = _code(hub)
    assert len(code) == 8
    assert _join(hub, f" {code[:4].lower()}-{code[4:]} ") == 200
    assert _join(hub, code) == 403


def test_a_code_is_bound_to_its_kind_and_warehouse(lasting_hub: RunningHub) -> None:
    paired = lasting_hub.pair("supervisor", "north")
    assert (paired.kind, paired.warehouse) == ("supervisor", "north")
    me = lasting_hub.client(paired.token).get("/v1/sessions/me").json()
    assert (me["station_kind"], me["warehouse"]) == ("supervisor", "north")


def test_a_code_lasts_ten_minutes(tmp_path: Path) -> None:
    clock = Moved()
    with hub_in_thread(tmp_path, clock=clock) as hub:
        good, late = _code(hub), _code(hub)
        clock.on(minutes=9, seconds=59)
        assert _join(hub, good) == 200
        clock.on(seconds=2)
        assert _join(hub, late) == 403


def test_five_wrong_tries_spoil_every_open_code_and_the_next_is_told_to_wait(tmp_path: Path) -> None:
    clock = Moved()
    with hub_in_thread(tmp_path, clock=clock) as hub:
        code = _code(hub)
        assert [_join(hub, "WRONG234") for _ in range(5)] == [403] * 5
        assert _join(hub, code) == 429
        clock.on(minutes=5, seconds=1)
        assert _join(hub, code) == 403
        assert _join(hub, _code(hub)) == 200


def test_codes_and_wrong_tries_outlive_a_restart(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path) as hub:
        code = _code(hub)
        for _ in range(5):
            _join(hub, "WRONG234")
    with hub_in_thread(tmp_path) as hub:
        assert _join(hub, code) == 403


def test_a_revoked_station_is_refused_at_once_with_everybody_on_it(hub: RunningHub) -> None:
    hub.person("packer", name="王打包")
    paired = hub.pair()
    bench = hub.client(paired.token)
    on = hub.client(paired.token, hub.sign_in("王打包", station=bench))
    assert on.get("/v1/sessions/me").status_code == 200
    order = hub.given(a_channel_order("held by who is revoked"))
    ask = {"parcel_nos": [order.parcels[0].parcel_no], "step": "close"}
    assert bench.post("/v1/leases", json=ask).json()[0]["granted"]
    assert hub.admin().post(f"/v1/stations/{paired.station_id}/revoke").status_code == 200
    left = hub.app.doors.orders.lookup.order(order.order_no)
    assert left is not None and left.parcels[0].holder is None, "its lease is free at once"
    for client in (bench, on):
        answer = client.get("/v1/changes")
        assert answer.status_code == 401
        assert answer.json()["error"]["hint"]
    assert hub.admin().post("/v1/stations/NOBODY/revoke").status_code == 404


def test_the_beat_tells_the_hub_how_a_bench_is_and_the_bench_the_hubs_time(hub: RunningHub) -> None:
    bench = hub.station(name="7 号台")
    said = {
        "seq_seen": 3,
        "waiting_acts": 2,
        "printers": [{"name": "小票", "state": "paper_out", "waiting": 1}],
    }
    before = datetime.now(UTC) - timedelta(milliseconds=1)  # it tells no smaller parts
    answer = bench.put("/v1/stations/me", json=said)
    after = datetime.now(UTC)
    assert answer.status_code == 200
    assert answer.json()["epoch"] == hub.client().get("/healthz").json()["epoch"]
    assert before <= datetime.fromisoformat(answer.json()["now"]) <= after
    [seen] = hub.admin().get("/v1/stations").json()["stations"]
    assert (seen["name"], seen["waiting_acts"], seen["printers"][0]["state"]) == ("7 号台", 2, "paper_out")


# ----------------------------------------------------------------------------------------------- users


def test_a_changed_role_ends_the_persons_sessions(hub: RunningHub) -> None:
    person = hub.person("cs_rep", name="李客服")
    assert hub.admin().post("/v1/users/李客服/role", json={"role": "finance"}).status_code == 200
    assert person.get("/v1/sessions/me").status_code == 401
    assert hub.client(hub.sign_in("李客服")).get("/v1/sessions/me").json()["role"] == "finance"


def test_a_new_password_ends_the_sessions_of_the_old_one(hub: RunningHub) -> None:
    person = hub.person("cs_rep", name="李客服")
    assert hub.admin().post("/v1/users/李客服/password", json={"password": "another one"}).status_code == 200
    assert person.get("/v1/sessions/me").status_code == 401
    assert hub.sign_in("李客服", "another one")


def test_somebody_who_left_cannot_sign_on_any_more(hub: RunningHub) -> None:
    person = hub.person("cs_rep", name="李客服")
    code = hub.admin().post("/v1/users/李客服/badge").json()["code"]
    body = {"role": "cs_rep", "is_disabled": True}
    assert hub.admin().post("/v1/users/李客服/role", json=body).status_code == 200
    assert person.get("/v1/sessions/me").status_code == 401
    sign_in = {"user": "李客服", "password": PASSWORD}
    assert hub.client().post("/v1/sessions", json=sign_in).status_code == 401
    assert hub.station().post("/v1/sessions", json={"badge": code}).status_code == 401


def test_the_last_administrator_stays(hub: RunningHub) -> None:
    answer = hub.admin().post(f"/v1/users/{ADMIN}/role", json={"role": "packer"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "last_admin")
    hub.person("admin", name="另一个")
    assert hub.admin().post(f"/v1/users/{ADMIN}/role", json={"role": "packer"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "x", "role": "king", "password": PASSWORD}, 422, "no_such_role"),
        ({"name": "x", "role": "packer", "password": "short"}, 422, "bad_password"),
        ({"name": " ", "role": "packer", "password": PASSWORD}, 422, "bad_name"),
        (
            {"name": "x\n", "role": "packer", "password": PASSWORD, "warehouse": "moon"},
            422,
            "no_such_warehouse",
        ),
        ({"name": "Admin", "role": "packer", "password": PASSWORD}, 409, "name_taken"),
        ({"name": "x", "role": "packer"}, 422, "bad_body"),
    ],
)
def test_a_user_that_makes_no_sense_is_refused_in_words(
    lasting_hub: RunningHub, body: dict[str, str], status: int, code: str
) -> None:
    for lang in ("zh", "en"):
        answer = lasting_hub.admin().post("/v1/users", json=body, headers={"Accept-Language": lang})
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert answer.json()["error"]["text"]


def test_the_list_of_users_holds_no_secret(hub: RunningHub) -> None:
    hub.person("packer", name="王打包")
    told = hub.admin().get("/v1/users").text
    assert "王打包" in told
    assert "argon2" not in told
    assert "hash" not in told


# ---------------------------------------------------------------------------------------------- set-up


def test_a_hub_without_users_makes_its_first_administrator_with_the_printed_code(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path, "") as hub:
        code = hub.app.set_up_code
        assert code
        body = {"code": "WRONG234", "user": "老板", "password": PASSWORD}
        assert hub.client().post("/v1/setup", json=body).status_code == 403
        assert hub.client().post("/v1/setup", json=body | {"code": code.lower()}).status_code == 200
        assert hub.client(hub.sign_in("老板")).get("/v1/users").status_code == 200
        assert hub.client().post("/v1/setup", json=body | {"code": code}).status_code == 409
    with hub_in_thread(tmp_path, "") as hub:
        assert hub.app.set_up_code is None


def test_users_of_the_file_are_read_on_the_first_start_only(tmp_path: Path) -> None:
    with hub_in_thread(tmp_path) as hub:
        assert not hub.app.users_left
        hub.admin().post(f"/v1/users/{ADMIN}/password", json={"password": "changed by hand"})
    with hub_in_thread(tmp_path, TOML) as hub:
        assert hub.app.users_left
        assert hub.sign_in(ADMIN, "changed by hand")


# ---------------------------------------------------------------------------------------------- houses


def test_a_bench_of_one_warehouse_cannot_see_or_touch_orders_of_another(lasting_hub: RunningHub) -> None:
    order = lasting_hub.given()
    parcel_no = order.parcels[0].parcel_no
    there = lasting_hub.station("packing", "north")
    assert there.get(f"/v1/orders/{order.order_no}").status_code == 404
    assert there.act("opened", order.order_no, parcel_no).reason == "not_allowed"
    [lease] = there.post("/v1/leases", json={"parcel_nos": [parcel_no], "step": "print"}).json()
    assert (lease["granted"], lease["label"]) == (False, None)
    assert there.post(f"/v1/parcels/{parcel_no}/label", json={}).json()["granted"] is False
    assert order.order_no.encode() not in there.get("/v1/changes").content
    here = lasting_hub.station("packing", "main")
    told = [row["body"] for row in here.get("/v1/changes").json()["changes"] if row["kind"] == "alarm"]
    assert [(one["kind"], one["order_no"]) for one in told] == [("act_refused", order.order_no)]
    assert here.act("opened", order.order_no, parcel_no).outcome == "applied"


def test_somebody_of_another_warehouse_cannot_sign_on_here(lasting_hub: RunningHub) -> None:
    lasting_hub.person("packer", name="北仓的人", warehouse="north")
    body = {"user": "北仓的人", "password": PASSWORD}
    assert lasting_hub.station("packing", "main").post("/v1/sessions", json=body).status_code == 403
    assert lasting_hub.station("packing", "north").post("/v1/sessions", json=body).status_code == 200


# ------------------------------------------------------------------------------------------------ wire


@pytest.mark.parametrize(("spoken", "status"), [("1", 200), ("0", 200), ("2", 409), ("x", 409)])
def test_this_version_and_the_one_before_are_served(
    lasting_hub: RunningHub, spoken: str, status: int
) -> None:
    answer = lasting_hub.admin().get("/v1/sessions/me", headers={"X-Orderdock-Wire": spoken})
    assert answer.status_code == status
    if status == 409:
        assert answer.json()["error"]["code"] == "update_me"


@pytest.mark.parametrize(
    ("accept", "text_begins"),
    [
        ("zh-CN,zh;q=0.9", "请先登录"),
        ("en-US,en;q=0.8,zh;q=0.5", "Sign on"),
        ("en;q=0.2, zh", "请先"),
        ("", "请先"),
        ("fr", "请先"),
    ],
)
def test_errors_speak_the_callers_language(lasting_hub: RunningHub, accept: str, text_begins: str) -> None:
    answer = lasting_hub.client().get("/v1/sessions/me", headers={"Accept-Language": accept})
    assert answer.json()["error"]["text"].startswith(text_begins)
    assert answer.json()["error"]["code"] == "sign_in"


# --------------------------------------------------------------------------------------- regressions


def test_regression_many_guesses_at_once_are_many_guesses(hub: RunningHub) -> None:
    """The limit was asked before the slow hash and counted after it: thirty at once all got their try."""

    def guess(n: int) -> int:
        with HubClient(hub.url) as client:
            return client.post("/v1/sessions", json={"user": ADMIN, "password": f"wrong {n}"}).status_code

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(guess, range(12)))
    assert sorted(answers) == [401] * 5 + [429] * 7


@pytest.mark.parametrize("name", ["Иван", "ÉMILE", "王打包"])
def test_regression_a_name_in_any_script_signs_on(hub: RunningHub, name: str) -> None:
    """SQLite's lower() knows ASCII alone: who had another capital letter in their name could not sign on."""
    assert hub.person("packer", name=name).get("/v1/sessions/me").json()["user"] == name
    body = {"name": name, "role": "packer", "password": PASSWORD}
    assert hub.admin().post("/v1/users", json=body).json()["error"]["code"] == "name_taken"


def test_regression_a_fact_stays_a_fact_after_its_person_signed_off(hub: RunningHub) -> None:
    """A bench whose clock was ahead sent what was done before the sign-off, and it was refused for good."""
    hub.person("packer", name="早班")
    bench = hub.station(name="1 号台")
    early = hub.client(bench.token, hub.sign_in("早班", station=bench))
    order = hub.given()
    parcel_no = order.parcels[0].parcel_no
    early.post("/v1/sessions/end")
    ahead = datetime.now(UTC) + timedelta(hours=1)
    assert early.act("opened", order.order_no, parcel_no, made_at=ahead).outcome == "applied"
    assert early.act("hold", order.order_no, made_at=ahead).reason == "not_allowed"
    story = hub.admin().get(f"/v1/orders/{order.order_no}/story").json()
    assert [entry["actor"] for entry in story if entry["kind"] == "opened"] == ["1 号台"]


def test_regression_an_ended_session_alone_does_nothing_however_old_its_acts_say_they_are(
    hub: RunningHub,
) -> None:
    """Who was let go kept a token with which a backdated cancel was applied."""
    rep = hub.person("cs_rep", name="客服")
    order = hub.given()
    hub.admin().post("/v1/users/客服/role", json={"role": "cs_rep", "is_disabled": True})
    act = {"act_id": "A1", "kind": "cancel", "order_no": order.order_no, "body": {"reason": "x"}}
    before = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    assert rep.post("/v1/acts", json=[act | {"made_at": before}]).status_code == 401


def test_regression_nobody_makes_a_badge_for_a_higher_role(hub: RunningHub) -> None:
    """Who runs a warehouse could make the administrator's badge and sign on with it."""
    keeper = hub.person("warehouse_admin", name="仓管")
    hub.person("packer", name="王打包")
    for name, status in ((ADMIN, 403), ("仓管", 403), ("王打包", 200), ("没有这个人", 404)):
        assert keeper.post(f"/v1/users/{name}/badge").status_code == status
    assert hub.admin().post("/v1/users/仓管/badge").status_code == 200


def test_regression_what_lies_in_another_warehouse_is_out_of_reach(lasting_hub: RunningHub) -> None:
    """Go checks, alarms, badges and stations of another house were answered, acknowledged, made and revoked."""
    order = lasting_hub.given(a_channel_order("另一个仓"))
    parcel_no = order.parcels[0].parcel_no
    here = lasting_hub.pair("packing", "main")
    act = lasting_hub.client(here.token).act(
        "marked_abnormal", order.order_no, parcel_no, body={"reason": "x"}
    )
    assert act.outcome == "applied"
    [alarm] = [a for a in lasting_hub.app.doors.orders.lookup.alarms() if a.order_no == order.order_no]
    lasting_hub.person("packer", name="主仓打包", warehouse="main")
    there = lasting_hub.station("packing", "north")
    keeper = lasting_hub.person("warehouse_admin", warehouse="north")

    go = there.post("/v1/go_checks", json={"parcel_no": parcel_no, "step": "close"}).json()
    assert (go["ok"], go["reason"], go["seq"]) == (False, "parcel_unknown", 0)
    assert keeper.post(f"/v1/alarms/{alarm.alarm_id}/ack").status_code == 404
    assert keeper.post(f"/v1/stations/{here.station_id}/revoke").status_code == 404
    assert keeper.post("/v1/users/主仓打包/badge").status_code == 403

    own = lasting_hub.person("warehouse_admin", warehouse="main")
    assert own.post(f"/v1/alarms/{alarm.alarm_id}/ack").status_code == 200
    assert own.post(f"/v1/stations/{here.station_id}/revoke").status_code == 200


def test_regression_a_token_revoked_while_it_waited_is_given_no_further_page(hub: RunningHub) -> None:
    """Who waited for changes was looked at when the waiting began, and got what came after the revoking."""
    paired = hub.pair()
    here = hub.client(paired.token).changes()
    wanted = {"after": here.head, "epoch": here.epoch, "wait": 50}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(hub.client(paired.token).get, "/v1/changes", params=wanted, timeout=90)
        until(lambda: hub.app.doors.out.broadcast._passed._waiters or waiting.done(), "nobody waits")
        assert hub.admin().post(f"/v1/stations/{paired.station_id}/revoke").status_code == 200
        assert waiting.result(25).status_code == 401


@pytest.mark.parametrize(
    ("kind", "status"), [("packing", 200), ("supervisor", 200), ("service", 403), ("ops", 403)]
)
def test_regression_a_keeper_of_the_house_opens_no_desk_that_may_more_than_they(
    lasting_hub: RunningHub, kind: str, status: int
) -> None:
    # An ops station with nobody signed on acts as ops_lead: its code was a way up.
    keeper = lasting_hub.person("warehouse_admin", warehouse="main")
    answer = keeper.post("/v1/pairing_codes", json={"kind": kind, "warehouse": "main"})
    assert answer.status_code == status
