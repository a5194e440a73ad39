"""Each no of the bench: its colour, its sound, its head, its sentence and the way on, in both languages."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.core import texts
from app.core.reasons import Reason, Refused
from app.core.texts import Lang
from app.station.outcome import Sound, refusal
from ui.present.packing import scan_view
from ui.present.words import Words

TEXTS = texts.load(Path(__file__).parents[3] / "resources" / "texts")
KNOWN = {
    "code": "6901234567892",
    "scanned": "毛巾 红",
    "expected": "毛巾 蓝",
    "title": "毛巾 蓝",
    "qty": "2",
    "got": "2",
    "serial": "S-1",
    "order_no": "OD20260123001",
    "parcel_no": "OD2026012300101",
    "holder": "二号台",
    "note": "外箱湿了",
    "packed": "1",
    "by": "小美",
    "due": "780",
    "weight": "480",
    "likely": "毛巾 蓝",
    "n": "1",
}
#: What the bench says no to: colour, sound, and a word of the way on in each language.
NOES = (
    (Reason.wrong_item, "stop", Sound.wrong, "换成正确的", "scan the right one"),
    (Reason.over_quantity, "wait", Sound.too_many, "放回去", "Put the extra back"),
    (Reason.same_unit, "wait", Sound.too_many, "换另一件", "Take the next one"),
    (Reason.duplicate_read, "info", Sound.none, "再扫一次", "scan it again"),
    (Reason.frozen, "stop", Sound.stop, "F9", "F9"),
    (Reason.not_ours, "stop", Sound.wrong, "交给主管", "supervisor"),
    (Reason.unknown_code, "wait", Sound.wrong, "登记", "register it"),
    (Reason.doubtful_label, "wait", Sound.wrong, "再扫一次", "scan it once more"),
    (Reason.too_light, "wait", Sound.wrong, "再封箱一次", "close once more"),
    (Reason.too_heavy, "wait", Sound.too_many, "再封箱一次", "close once more"),
    (Reason.outdated_label, "stop", Sound.wrong, "重新打印", "print the label again"),
    (Reason.outdated_slip, "wait", Sound.wrong, "重新打印", "Print the slip again"),
    (Reason.on_hold, "wait", Sound.wrong, "等主管放行", "supervisor releases it"),
    (Reason.no_lease, "wait", Sound.wrong, "接管", "take it over"),
    (Reason.not_complete, "wait", Sound.wrong, "继续扫完", "Scan the rest"),
    (Reason.nothing_open, "info", Sound.wrong, "先扫", "Scan a pick slip"),
    (Reason.no_single, "wait", Sound.wrong, "放回货位", "Put it back"),
    (Reason.not_finished, "wait", Sound.wrong, "先封箱", "Close it"),
)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(("reason", "colour", "sound", "zh", "en"), NOES, ids=[no[0].value for no in NOES])
def test_each_no_has_its_colour_sound_sentence_and_way_on(
    reason: Reason, colour: str, sound: Sound, zh: str, en: str, lang: Lang
) -> None:
    outcome = refusal("S1", Refused(reason, KNOWN))
    view = scan_view(outcome, Words(TEXTS, lang, ZoneInfo("Asia/Shanghai")))
    assert (view.state, outcome.sound) == (colour, sound)
    assert (zh if lang == "zh" else en) in view.text
    assert "{" not in view.text
    assert view.head not in ("", TEXTS.table["packing.head_other"][lang]) or reason is Reason.nothing_open
    assert view.stays == (colour != "info")


def test_two_noes_at_the_bench_never_have_the_same_head() -> None:
    for lang in ("zh", "en"):
        heads = [
            TEXTS.table[f"packing.head_{r.value}"][lang] for r, *_ in NOES if r is not Reason.nothing_open
        ]
        assert len(set(heads)) == len(heads), heads
