"""Slip and label in one picture at the bench: what belongs together works on, what does not stands until seen to."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.frame import in_picture
from app.core.order import Order
from app.core.qr import command_code, slip_code
from app.core.reasons import Reason
from app.station.frames import shows_mismatch
from app.station.outcome import Done, Light, Outcome, Sound
from app.station.proofs import KEEP, Proofs
from tests.helpers.station import StillClock, an_order, order_no, packed, stopped
from tests.station.conftest import FedBench


def slip(n: int, version: int = 1) -> str:
    return slip_code(f"{order_no(n)}01", version)


def label(n: int) -> str:
    return f"SF{n:012d}"


def shown(bench: FedBench, *texts: str) -> Outcome | None:
    """A picture with these codes, a second after what was before."""
    bench.clock.tick(1)
    codes = [(text, "qrcode" if text.startswith("S1") else "code128") for text in texts]
    outcome = bench.desk.on_frame(in_picture(codes), bench.clock.now(), "camera:0")
    if outcome is not None and outcome.follow:
        return bench.run(bench.desk.follow(outcome, bench.clock.now()))
    return outcome


def told(bench: FedBench, *texts: str) -> Outcome:
    outcome = shown(bench, *texts)
    assert outcome is not None
    return outcome


def without_label(order: Order) -> Order:
    return order.with_parcel(replace(order.parcels[0], waybill_no=""))


def kept(bench: FedBench) -> list[tuple[str, str, str]]:
    query = "SELECT source, raw, result FROM scan ORDER BY n"
    return bench.core.outbox.run(lambda db: db.execute(query).fetchall()).result(20)


def test_a_pair_opens_its_parcel_as_one_read_and_is_confirmed_while_it_lies_open(bench: FedBench) -> None:
    bench.fed(an_order(1))
    assert told(bench, slip(1), label(1)).done is Done.opened
    again = told(bench, label(1), slip(1))
    assert (again.done, again.light, again.sound) == (Done.pair_right, Light.green, Sound.ok)
    assert [row for row in kept(bench) if row[0] == "camera:0"] == [
        ("camera:0", f"{slip(1)} {label(1)}", "ok"),
        ("camera:0", f"{slip(1)} {label(1)}", "ok"),
    ]
    assert bench.acts().count("opened") == 1


def test_a_mismatch_names_both_and_opens_nothing_and_closes_nothing_until_seen_to(bench: FedBench) -> None:
    bench.fed(an_order(1, qty=(1,)), an_order(2), an_order(3))
    bench.scan(slip(1))
    bench.scan("SKU-1")
    acts = bench.acts()
    no = told(bench, slip(1), label(2))
    assert (no.reason, no.light, no.sound) == (Reason.label_apart, Light.red, Sound.wrong)
    assert no.params == no.params | {
        "slip": f"{order_no(1)}01",
        "label_of": f"{order_no(2)}01",
        "waybill": label(2),
    }
    assert shows_mismatch(no) and bench.desk.view().is_apart
    for raw in (slip(1), slip(3), label(2), "SKU-1", command_code("CLOSE"), command_code("UNDO")):
        assert bench.scan(raw).reason is Reason.label_apart, raw
    assert bench.run(bench.desk.close(bench.clock.now())).reason is Reason.label_apart
    assert bench.desk.open_parcel(f"{order_no(3)}01", bench.clock.now()).reason is Reason.label_apart
    assert told(bench, slip(3), label(3)).reason is Reason.label_apart, "another pair puts nothing right"
    assert bench.acts() == acts and bench.desk.open_parcel_no() == f"{order_no(1)}01"
    seen = bench.desk.pair_seen_to()
    assert seen is not None and seen.done is Done.pair_seen and not bench.desk.view().is_apart
    assert bench.desk.pair_seen_to() is None
    assert bench.run(bench.desk.close(bench.clock.now())).done is Done.closed


def test_a_mismatch_is_put_right_by_the_right_pair_or_a_command_code(bench: FedBench) -> None:
    bench.fed(an_order(1), an_order(2))
    assert told(bench, slip(1), label(2)).reason is Reason.label_apart
    assert told(bench, slip(1), label(1)).done is Done.opened
    assert told(bench, slip(1), label(2)).reason is Reason.label_apart
    assert bench.scan(command_code("ACK")).done is Done.pair_seen
    assert bench.scan(slip(2)).done is Done.opened


def test_in_hand_over_a_swapped_label_hands_nothing_over_and_a_pair_hands_over_once(bench: FedBench) -> None:
    bench.fed(packed(an_order(1)), packed(an_order(2)))
    bench.desk.set_mode("handover")
    assert told(bench, slip(1), label(2)).reason is Reason.label_apart
    assert bench.acts() == []
    assert told(bench, slip(1), label(1)).done is Done.handed_over
    assert bench.acts() == ["handed_over"]


def test_a_packed_box_is_confirmed_and_not_refused(bench: FedBench) -> None:
    bench.fed(packed(an_order(1)))
    assert told(bench, slip(1), label(1)).done is Done.pair_right


@pytest.mark.parametrize("with_own", [True, False])
def test_a_stopped_order_in_the_picture_stops_the_hand(bench: FedBench, with_own: bool) -> None:
    bench.fed(an_order(1), stopped(an_order(2)))
    said = told(bench, slip(2), label(2)) if with_own else told(bench, slip(1), label(2))
    assert (said.reason, said.sound) == (Reason.frozen, Sound.stop)
    assert said.params["order_no"] == order_no(2)
    assert bench.desk.view().is_apart is not with_own and bench.desk.open_parcel_no() == ""


def test_several_slips_an_old_slip_and_half_of_a_pair(bench: FedBench) -> None:
    bench.fed(an_order(1), an_order(2))
    several = told(bench, slip(1), slip(2))
    assert several.reason is Reason.several_slips and not bench.desk.view().is_apart
    assert several.params["slips"] == f"{order_no(1)}01 {order_no(2)}01"
    assert not shows_mismatch(several)
    assert told(bench, slip(1, 7), label(1)).reason is Reason.outdated_slip
    assert shown(bench, slip(1), "ABCDE12345") is None, "what may be anything is an ordinary read"
    assert shown(bench, slip(9), "SF9000000000009") is None, "nobody here knows either of them"
    assert told(bench, slip(1), "SF9000000000009").reason is Reason.label_apart, (
        "a label, and not this parcel's"
    )


def test_a_ready_label_is_bound_to_a_full_open_box_only(bench: FedBench) -> None:
    bench.fed(without_label(an_order(1, qty=(1,))), an_order(2))
    ready = "SF9000000000009"
    assert told(bench, slip(1), ready).done is Done.opened
    assert told(bench, slip(1), ready).done is not Done.waybill_bound, "it is not full yet"
    bench.scan("SKU-1")
    assert told(bench, slip(1), label(2)).reason is Reason.label_apart, "the label of another parcel never"
    assert bench.scan(command_code("ACK")).is_ok
    assert told(bench, slip(1), ready, "SF9000000000008").reason is Reason.several_labels
    assert bench.scan(command_code("ACK")).is_ok
    assert told(bench, slip(1), ready).done is Done.waybill_bound


def test_a_proof_is_readable_by_its_owner_alone_and_goes_after_thirty_days(bench: FedBench) -> None:
    folder, now = bench.folder / "proofs", bench.clock.now()
    proofs = bench.core.proofs
    assert not folder.exists(), "nothing is made before it is needed"
    assert proofs.keep("S1", b"picture", now) and proofs.keep("S1", b"another", now)
    assert proofs.picture("S1") == b"picture" and proofs.picture("S2") is None
    if sys.platform != "win32":
        modes = [path.stat().st_mode & 0o777 for path in (folder, folder / "S1.jpg")]
        assert modes == [0o700, 0o600]
    for bad in ("", "../S9", "a/b"):
        assert not proofs.keep(bad, b"picture", now) and proofs.picture(bad) is None
    assert proofs.clean(now + KEEP - timedelta(hours=1)) == 0
    [chores] = [engine for engine in bench.core.engines() if engine.name == "chores"]
    bench.clock.tick(KEEP.total_seconds() + 3600)
    for _ in range(3):
        bench.run(chores.step(bench.clock.now()))
    assert list(folder.iterdir()) == []


def test_of_too_many_proofs_the_oldest_go(tmp_path: Path) -> None:
    proofs, now = Proofs(tmp_path / "proofs", most_bytes=250), StillClock().now()
    assert proofs.clean(now) == 0
    for n in range(4):
        assert proofs.keep(f"S{n}", b"x" * 100, now + timedelta(minutes=n))
    assert proofs.clean(now) == 2
    assert [proofs.picture(f"S{n}") is not None for n in range(4)] == [False, False, True, True]


def test_a_proof_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    (tmp_path / "proofs").write_text("no folder", encoding="utf-8")
    assert not Proofs(tmp_path / "proofs").keep("S1", b"picture", StillClock().now())
