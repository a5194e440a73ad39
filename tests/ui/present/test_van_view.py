"""What the hand-over desk says of the boxes that may leave while the hub is away, as tables."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.core import texts
from app.core.texts import Lang
from app.station.van import VanView
from ui.present.van import van_words
from ui.present.words import Words

TEXTS = texts.load(Path(__file__).parents[3] / "resources" / "texts")


def words(lang: Lang = "zh") -> Words:
    return Words(TEXTS, lang, ZoneInfo("Asia/Shanghai"))


@pytest.mark.parametrize(
    ("view", "is_online", "state", "title", "reasons"),
    [
        (VanView(), True, None, "", ()),
        (VanView(may_go=3), True, None, "万一中枢断开，本台还能交接 3 个包裹", ()),
        (VanView(may_go=3), False, "wait", "中枢断开，本台还能交接 3 个包裹", ()),
        (
            VanView(may_go=3, free=2, later=1, elsewhere=4, stopped=5),
            True,
            None,
            "万一中枢断开，本台还能交接 3 个包裹",
            ("2 个本台还没领取", "1 个正在领取", "4 个由别的工位领取", "5 个已冻结或挂起"),
        ),
        (
            VanView(free=2, later=1, is_more=True),
            False,
            "wait",
            "中枢断开，本台要等恢复后才能交接",
            ("3 个断开前没有领取", "待交接的很多，这里只数了最急的 1000 单"),
        ),
        (VanView(stopped=1), True, None, "万一中枢断开，本台要等恢复后才能交接", ("1 个已冻结或挂起",)),
    ],
)
def test_one_sentence_says_how_many_may_go_and_one_each_why_others_must_wait(
    view: VanView, is_online: bool, state: str | None, title: str, reasons: tuple[str, ...]
) -> None:
    said = van_words(view, words(), is_online=is_online)
    assert (said.state, said.title) == (state, title)
    assert [text.startswith(begin) for text, begin in zip(said.reasons, reasons, strict=True)] == [
        True
    ] * len(reasons)


def test_one_box_is_one_box_in_english() -> None:
    said = van_words(VanView(may_go=1, elsewhere=1), words("en"), is_online=False)
    assert said.title == "The hub is away. 1 parcel may still be handed over here"
    assert said.reasons == (
        "1 was taken by another bench: hand it over there, or here when the hub is there to ask",
    )
