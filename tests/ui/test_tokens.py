"""One file of colours and sizes: readable in both schemes, complete, and scaled with a floor."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ui.resources import resource_dir
from ui.tokens import STATES, BadTokens, Mode, Tokens, contrast, fill_style, load_tokens, scale_for

TOKENS = resource_dir() / "tokens.toml"
CONTRAST = tomllib.loads((resource_dir() / "contrast.toml").read_text(encoding="utf-8"))
LEAST = {"text": 4.5, "shape": 3.0}


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return load_tokens(TOKENS)


def pairs(kind: str) -> list[tuple[str, str]]:
    return [(front, back) for front, backs in CONTRAST[kind] for back in backs]


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("kind", ["text", "shape"])
def test_every_pair_has_the_contrast_of_wcag_aa(tokens: Tokens, mode: Mode, kind: str) -> None:
    scheme = tokens.colours[mode]
    weak = {
        (front, back): round(ratio, 2)
        for front, back in pairs(kind)
        if (ratio := contrast(scheme[front], scheme[back])) < LEAST[kind]
    }
    assert not weak


def test_every_colour_is_checked_or_said_to_be_decoration(tokens: Tokens) -> None:
    checked = {name for kind in LEAST for pair in pairs(kind) for name in pair}
    assert set(tokens.colours["light"]) - checked == set(CONTRAST["decoration"])


def test_every_state_has_its_five_colours(tokens: Tokens) -> None:
    for state in STATES:
        for name in (state, f"on_{state}", f"{state}_text", f"{state}_soft", f"{state}_edge"):
            assert name in tokens.colours["dark"]


@pytest.mark.parametrize(
    ("one", "other", "ratio"), [("#000000", "#FFFFFF", 21.0), ("#777777", "#FFFFFF", 4.48)]
)
def test_contrast_is_that_of_the_standard(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.01)


@pytest.mark.parametrize(
    ("width", "height", "scale"),
    [(1366, 768, 1.0), (1093, 614, 0.84), (1920, 1080, 1.41), (800, 600, 0.84), (3840, 2160, 1.5)],
)
def test_the_scale_follows_the_window(width: int, height: int, scale: float) -> None:
    assert scale_for(width, height) == pytest.approx(scale, abs=0.005)


def test_counters_are_read_at_arms_length_and_buttons_hit_by_a_finger_on_every_screen(tokens: Tokens) -> None:
    for scale in (0.3, 0.84, 1.0, 1.41, 1.5):
        assert tokens.px("type.counter", scale) >= 28
        assert tokens.px("size.touch", scale) >= 48
        assert tokens.px("type.caption", scale) >= 12


def test_no_widget_writes_a_colour_or_a_pixel_size() -> None:
    room = resource_dir().parent / "ui"
    colour = re.compile(
        r"#[0-9a-fA-F]{6}\b|QColor\(\s*\d|Qt\.GlobalColor\.(?!transparent)|setStyleSheet|setPointSize"
    )
    guilty = [
        f"{path.relative_to(room)}: {found[0]}"
        for path in sorted(room.rglob("*.py"))
        if path.name not in ("tokens.py", "theme.py")
        and (found := colour.search(path.read_text(encoding="utf-8"))) is not None
    ]
    assert not guilty


def test_the_style_sheet_names_only_tokens_that_exist(tokens: Tokens) -> None:
    sheet = (resource_dir() / "style.qss").read_text(encoding="utf-8")
    words = {"icons": "C:/icons", "mode": "dark", "bold": "font-weight: bold"}
    filled = fill_style(sheet, tokens, "dark", 1.0, words)
    assert "@" not in filled and "$" not in filled
    with pytest.raises(BadTokens, match="@nobody"):
        fill_style("QWidget { color: @nobody; }", tokens, "dark", 1.0, {})


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (('text        = "#F0F3F7"', 'ink_text = "#F0F3F7"'), "one scheme only"),
        (('text        = "#12161C"', 'text = "black"'), "light.text"),
        (('"type.body"    = 14', '"type.nobody" = 14'), "type.nobody"),
    ],
)
def test_damaged_tokens_are_refused_by_name(tmp_path: Path, said: tuple[str, str], cause: str) -> None:
    text = TOKENS.read_text(encoding="utf-8")
    assert said[0] in text
    broken = tmp_path / "tokens.toml"
    broken.write_text(text.replace(*said), encoding="utf-8")
    with pytest.raises(BadTokens, match=cause):
        load_tokens(broken)
