"""Look of the whole application: font, light and dark, scale, icons."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QPixmap, QTextLayout
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from tests.helpers.qt import missing_glyphs
from ui.kit import Kit
from ui.resources import resource_dir
from ui.theme import FontMissing, Theme, load_fonts, restate
from ui.tokens import STATES
from ui.widgets.card import Card
from ui.widgets.layout import pad

HARD = "䶮㛃𬭼𫖯 王伟 ℃①×¥ “”【】…—→ OD2026 aäß 编号：订单"


def test_every_character_of_names_and_signs_has_a_glyph(kit: Kit) -> None:
    for bold in (False, True):
        assert missing_glyphs(HARD, kit.theme.font("body", bold=bold)) == ""


def test_a_drawn_bold_is_used_at_every_size(kit: Kit) -> None:
    for size in ("body", "heading", "hero", "alarm"):
        layout = QTextLayout("停 123", kit.theme.font(size, bold=True))
        layout.beginLayout()
        layout.createLine()
        layout.endLayout()
        [run] = layout.glyphRuns()
        assert run.rawFont().familyName() == "Orderdock Sans"


def test_figures_are_all_one_width(kit: Kit, qapp: QApplication) -> None:
    from PySide6.QtGui import QFontMetricsF

    for bold in (False, True):
        metrics = QFontMetricsF(kit.theme.font("counter", bold=bold))
        assert len({round(metrics.horizontalAdvance(digit), 3) for digit in "0123456789"}) == 1


@pytest.mark.gbk
def test_fonts_load_from_a_folder_with_chinese_and_blanks_and_their_absence_is_said(
    qapp: QApplication, tmp_path: Path
) -> None:
    folder = tmp_path / "张 三"
    shutil.copytree(resource_dir() / "fonts", folder / "fonts")
    assert load_fonts(folder) == "Noto Sans SC"
    (folder / "fonts" / "NotoSansSC-Regular.otf").write_bytes(b"damaged")
    with pytest.raises(FontMissing):
        load_fonts(folder)
    with pytest.raises(FontMissing):
        load_fonts(tmp_path / "none")


def dominant(picture: QPixmap) -> QColor:
    return picture.toImage().pixelColor(picture.width() // 2, picture.height() // 2)


def test_light_and_dark_switch_at_once_in_windows_already_open(qtbot: QtBot, kit: Kit) -> None:
    card = Card(kit)
    card.resize(200, 100)
    qtbot.addWidget(card)
    card.show()
    assert dominant(card.grab()) == kit.theme.colour("surface")
    light = kit.theme.colour("surface")
    kit.theme.toggle()
    assert kit.theme.mode == "dark" and kit.theme.colour("surface") != light
    assert dominant(card.grab()) == kit.theme.colour("surface")


def test_a_card_shows_its_state_and_forgets_it(qtbot: QtBot, kit: Kit) -> None:
    card = Card(kit)
    card.resize(200, 100)
    qtbot.addWidget(card)
    for state in STATES:
        card.set_state(state)
        assert dominant(card.grab()) == kit.theme.colour(f"{state}_soft")
    card.set_state(None)
    assert dominant(card.grab()) == kit.theme.colour("surface")


def test_scaling_resizes_words_and_margins_already_shown(qtbot: QtBot, kit: Kit) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    label = QLabel("字", window)
    label.setProperty("role", "title")
    card = Card(kit)
    pad(kit, card.body, "space.l")
    window.show()
    before = label.sizeHint().height(), card.body.contentsMargins().left()
    kit.theme.set_scale(1.5)
    after = label.sizeHint().height(), card.body.contentsMargins().left()
    assert after[0] > before[0] * 1.3 and after[1] == 24


def test_states_restyle_at_once(qtbot: QtBot, kit: Kit) -> None:
    label = QLabel("停")
    qtbot.addWidget(label)
    label.show()
    restate(label, "state", "stop")
    assert label.palette().color(label.foregroundRole()) == kit.theme.colour("stop_text")
    restate(label, "state", "")
    assert label.palette().color(label.foregroundRole()) == kit.theme.colour("text")


def test_every_icon_draws_in_the_colour_asked_for(kit: Kit) -> None:
    names = sorted(path.stem for path in (resource_dir() / "icons").glob("*.svg"))
    assert {f"state_{state}" for state in STATES} <= set(names)
    for name in names:
        picture = kit.theme.pixmap(name, "stop", 40).toImage()
        inked = [
            picture.pixelColor(x, y)
            for x in range(40)
            for y in range(40)
            if picture.pixelColor(x, y).alpha() > 250
        ]
        assert inked, name
        own_colours = name.endswith(("_grey", "_light", "_dark")) or name == "orderdock"
        assert own_colours or kit.theme.colour("stop") in inked, name


def test_states_are_told_apart_by_shape_alone(kit: Kit) -> None:
    """For eyes that see no red or green: any two shapes differ in a fifth of their dots at least."""
    side = 32
    shapes = {}
    for state in STATES:
        picture = kit.theme.pixmap(f"state_{state}", "text", side).toImage()
        shapes[state] = {
            (x, y) for x in range(side) for y in range(side) if picture.pixelColor(x, y).alpha() > 127
        }
    for one in STATES:
        for other in STATES:
            if one < other:
                union = shapes[one] | shapes[other]
                assert len(shapes[one] ^ shapes[other]) / len(union) > 0.2, (one, other)


def test_a_bound_renderer_ends_with_its_widget(qtbot: QtBot, kit: Kit) -> None:
    calls: list[str] = []
    widget = QWidget()
    kit.theme.bind(widget, lambda: calls.append("drawn"))
    kit.theme.toggle()
    assert calls == ["drawn", "drawn"]
    with qtbot.waitSignal(widget.destroyed):
        widget.deleteLater()
    kit.theme.toggle()
    assert calls == ["drawn", "drawn"]


def test_the_window_icon_has_every_size(kit: Kit) -> None:
    assert {size.width() for size in kit.theme.app_icon().availableSizes()} >= {16, 32, 256}
    assert isinstance(kit.theme, Theme)
