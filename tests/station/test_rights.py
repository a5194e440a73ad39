"""What a person may do here is asked of the hub and never guessed for long; files come in through the same door."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.core.acts import ActKind
from app.ports import HubAway, NotAllowed, Rejected
from app.station.intake import BYTES_MAX, FileTrouble
from app.station.rights import Rights, RightsWatch
from app.wire import ImportReport
from tests.helpers.hub import PASSWORD, RunningHub, hub_in_thread
from tests.helpers.station import LiveStation
from tests.station.conftest import FedBench

ROWS = (
    "channel_order_no,paid_at,consignee_name,consignee_phone,consignee_address,sku_code,qty,paid\n"
    "I1,2026-11-21 09:00:00,林小满,18312342807,浙江省杭州市西湖区文三路 1 号,SKU-1,2,128.00\n"
    "I2,2026-11-21 09:01:00,林小满,18312342807,浙江省杭州市西湖区文三路 1 号,SKU-1,zwei,128.00\n"
)


def _watch(bench: FedBench) -> RightsWatch:
    [watch] = [engine for engine in bench.core.engines() if isinstance(engine, RightsWatch)]
    return watch


def test_before_the_hub_was_asked_everything_may_be_tried(bench: FedBench) -> None:
    assert bench.core.rights.may(ActKind.take_over)
    assert bench.core.rights.may_call("import")
    bench.online(False)
    watch = _watch(bench)
    assert bench.run(watch.step(bench.clock.now())) - bench.clock.now() < timedelta(seconds=5)
    assert bench.core.rights == Rights()


def test_the_hub_says_what_may_be_done_here(bench: FedBench) -> None:
    bench.online()
    watch = _watch(bench)
    due = bench.run(watch.step(bench.clock.now()))
    assert due - bench.clock.now() >= timedelta(minutes=1)
    assert bench.core.rights.may(ActKind.opened)
    assert not bench.core.rights.may(ActKind.take_over)
    assert not bench.core.rights.may_call("import")
    assert frozenset({"rights"}) in bench.topics
    bench.hub.is_away = True
    bench.run(watch.step(bench.clock.now()))
    assert not bench.core.rights.may(ActKind.take_over)


def test_where_sign_on_is_required_the_station_says_so(bench: FedBench) -> None:
    bench.online()
    bench.hub.who = msgspec.structs.replace(bench.hub.who, role="", sign_on_required=True)
    bench.run(_watch(bench).step(bench.clock.now()))
    assert bench.core.rights.wants_sign_on
    bench.run(bench.core.sign_in("小美", "geheim-genug"))
    assert not bench.core.rights.wants_sign_on


def test_a_session_the_hub_has_ended_is_over_here_too(bench: FedBench) -> None:
    bench.online()
    bench.run(bench.core.sign_in("小美", "geheim-genug"))
    assert bench.core.person == "小美"
    bench.hub.is_session_over = True
    bench.topics.clear()
    bench.run(_watch(bench).step(bench.clock.now()))
    assert bench.core.person == ""
    assert any("session_ended" in topics for topics in bench.topics)
    bench.run(bench.core.sign_out())
    assert not bench.core.outbox.session


def test_signing_off_without_the_hub_still_signs_off(bench: FedBench) -> None:
    bench.online()
    bench.run(bench.core.sign_in("小美", "geheim-genug"))
    bench.online(False)
    with pytest.raises(HubAway):
        bench.run(bench.core.sign_out())
    assert bench.core.person == ""
    assert bench.core.rights == Rights()


# ----------------------------------------------------------------------------------------------- files


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with hub_in_thread(tmp_path_factory.mktemp("hub")) as running:
        running.person("ops_lead", "阿运")
        running.person("packer", "小包")
        yield running


@pytest.fixture
def desk(tmp_path: Path, hub: RunningHub) -> Iterator[LiveStation]:
    code = hub.admin().post("/v1/pairing_codes", json={"kind": "supervisor", "warehouse": "main"}).json()
    with LiveStation(tmp_path / "台", hub.url, kind="supervisor") as live:
        live.pair(code["code"])
        yield live


def test_a_file_is_checked_first_and_then_brought_in_by_who_may(desk: LiveStation, tmp_path: Path) -> None:
    intake = desk.core.intake
    file = tmp_path / "十一月 订单.csv"
    file.write_text(ROWS, encoding="utf-8-sig")

    def bring(*, check_only: bool) -> Coroutine[Any, Any, ImportReport]:
        ticket = intake.new_ticket()
        return intake.bring(file, kind="guess", shop="file", check_only=check_only, ticket=ticket)

    with pytest.raises(NotAllowed):
        desk.do(bring(check_only=True))
    session = desk.do(desk.core.sign_in("阿运", PASSWORD))
    assert "import" in session.doors
    assert desk.core.rights.may_call("import")
    assert [shop.shop_id for shop in desk.do(intake.shops())] == ["file"]
    checked = desk.do(bring(check_only=True))
    assert (checked.kind, checked.rows, checked.taken, checked.is_dry_run) == ("orders", 2, 1, True)
    assert desk.core.read.queue_count() == 0
    taken = desk.do(bring(check_only=False))
    assert (taken.taken, taken.refused) == (1, 1)
    desk.until(lambda: desk.core.read.queue_count() == 1, "the order at the bench")
    assert desk.do(intake.progress("nobody's")) is None
    assert desk.do(intake.stop("nobody's")) is False
    desk.do(desk.core.sign_in("小包", PASSWORD))
    assert not desk.core.rights.may_call("import")


def test_a_file_that_cannot_be_read_here_is_named(bench: FedBench, tmp_path: Path) -> None:
    def bring(file: Path) -> None:
        bench.run(bench.core.intake.bring(file, kind="orders", shop="", check_only=True, ticket=""))

    (tmp_path / "folder").mkdir()
    huge = tmp_path / "huge.csv"
    with huge.open("wb") as out:
        out.truncate(BYTES_MAX + 1)
    for file, key in ((tmp_path / "no.csv", "missing_file"), (huge, "too_large")):
        with pytest.raises(FileTrouble) as trouble:
            bring(file)
        assert (trouble.value.key, trouble.value.file) == (key, file.name)
    with pytest.raises(FileTrouble) as trouble:
        bring(tmp_path / "folder")
    assert trouble.value.key == "unreadable_file"


def test_a_file_that_is_no_table_is_refused_in_words(desk: LiveStation, tmp_path: Path) -> None:
    desk.do(desk.core.sign_in("阿运", PASSWORD))
    file = tmp_path / "photo.csv"
    file.write_bytes(b"%PDF-1.7")
    with pytest.raises(Rejected) as refused:
        desk.do(desk.core.intake.bring(file, kind="guess", shop="", check_only=True, ticket=""))
    assert "PDF" in refused.value.text
