"""What people read stands in resources/texts in both languages; what it looks like stands in the tokens."""

from __future__ import annotations

import ast
import re
import string

from tests.helpers.source import ROOT, Source, dotted, product, texts

# Rooms that speak to people and must not hold words of their own.
SPEAKING = ("ui/", "printing/", "app/station/")
CHINESE = re.compile(r"[\u3400-\u9fff]")
WORD = re.compile(r"[A-Za-z]{2,}")
SHOWING = {
    "setText",
    "setToolTip",
    "setWindowTitle",
    "setPlaceholderText",
    "setStatusTip",
    "setAccessibleName",
}
SHOWING |= {"QLabel", "QPushButton", "QToolButton", "QCheckBox", "QRadioButton", "QGroupBox", "QAction"}
COLOUR = re.compile(r"#[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?\b|\brgba?\(")
SIZE = re.compile(r"font(-size)?\s*:[^;]*\d+\s*p[xt]")


def test_there_are_texts() -> None:
    assert texts()


def test_every_text_is_there_in_both_languages() -> None:
    assert not [
        f"{key} {lang}"
        for key, entry in texts().items()
        for lang in ("zh", "en")
        if not isinstance(entry.get(lang), str) or not entry[lang].strip()
    ]


def test_a_text_has_the_same_fields_in_both_languages() -> None:
    different = []
    for key, entry in texts().items():
        zh, en = _fields(entry["zh"]), _fields(entry["en"])
        one = _fields(entry.get("en_one", ""))  # "1 order" may leave the number out
        if en != zh or not one <= zh:
            different.append(f"{key}: zh {sorted(zh)}, en {sorted(en)}, en_one {sorted(one)}")
    assert not different


def _fields(template: str) -> set[str]:
    return {
        re.split(r"[.\[]", name)[0]
        for _, name, _, _ in string.Formatter().parse(template)
        if name is not None
    }


def test_chinese_texts_are_chinese() -> None:
    """A text that reads the same in both languages is a sign or a name; anything longer was forgotten."""
    assert not [
        key
        for key, entry in texts().items()
        if not CHINESE.search(entry["zh"]) and len(WORD.findall(entry["zh"])) > 2
    ]


def test_every_text_the_code_asks_for_exists() -> None:
    areas = {key.split(".")[0] for key in texts()}
    key_like = re.compile(rf"(?:{'|'.join(sorted(areas))})\.[a-z0-9_]+")
    assert not [
        f"{source.at(node)} {node.args[0].value}"
        for source in product()
        for node in source.nodes(ast.Call)
        if isinstance(node.func, ast.Attribute)
        and node.func.attr == "text"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and key_like.fullmatch(str(node.args[0].value))
        and node.args[0].value not in texts()
    ]


def test_rooms_that_speak_hold_no_words_of_their_own() -> None:
    assert not [
        f"{source.at(node)} {node.value!r}"
        for source in _speaking()
        for node in source.texts()
        if CHINESE.search(node.value)
    ]
    assert not [
        f"{source.at(node)} {argument.value!r}"
        for source in _speaking()
        for node in source.nodes(ast.Call)
        if dotted(node.func).split(".")[-1] in SHOWING
        for argument in node.args
        if isinstance(argument, ast.Constant)
        and isinstance(argument.value, str)
        and WORD.search(argument.value)
    ]


def test_no_colour_and_no_size_is_written_in_a_widget() -> None:
    found = []
    for source in product():
        if source.is_under("ui/"):
            found += [
                f"{source.at(node)} {node.value!r}"
                for node in source.texts()
                if COLOUR.search(node.value) or SIZE.search(node.value)
            ]
            found += [source.at(node) for node in source.nodes(ast.Call) if _paints_by_number(node)]
            found += [
                source.at(n)
                for n in source.nodes(ast.Attribute)
                if "GlobalColor." in dotted(n) and not _is_empty(n)
            ]
    assert not found


def _paints_by_number(call: ast.Call) -> bool:
    name = dotted(call.func).split(".")[-1]
    numbers = [
        arg for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, (int, float))
    ]
    if name == "QColor":  # nothing but zeros is no colour at all
        return any(number.value for number in numbers)
    return name in {"setPixelSize", "setPointSize", "setPointSizeF"} and bool(numbers)


def _is_empty(node: ast.Attribute) -> bool:
    return node.attr == "transparent"


def _speaking() -> list[Source]:
    return [source for source in product() if source.is_under(*SPEAKING)]


def test_every_source_file_is_utf_8_with_plain_line_ends() -> None:
    for folder in ("app", "hub", "printing", "resources", "sync", "tests", "ui"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".toml", ".md", ".qss", ".html", ".css", ".js"}:
                data = path.read_bytes()
                data.decode("utf-8")
                assert b"\r" not in data, path
