"""Every machine installs the very same packages: hashed pins, and no address of a registry in them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.helpers.source import ROOT

LOCKS = ["requirements", "requirements-dev"]


def _pins(name: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Each pin of a lock with its hashes."""
    text = (ROOT / "build" / f"{name}.txt").read_text(encoding="utf-8")
    for block in re.split(r"\n(?=[A-Za-z0-9])", "\n" + re.sub(r"(?m)^\s*#.*\n", "", text)):
        first, *rest = block.strip().split(" \\\n")
        if first:
            yield Requirement(first), re.findall(r"--hash=(sha256:[0-9a-f]{64})", " ".join(rest))


def _wanted(path: Path) -> Iterator[Requirement]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith(("#", "-")):
            yield Requirement(line)


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_is_exact_and_hashed(name: str) -> None:
    pins = list(_pins(name))
    assert len(pins) > 80
    assert not [
        str(pin) for pin, hashes in pins if not hashes or not re.fullmatch(r"==[^*,]+", str(pin.specifier))
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_no_address_is_recorded(name: str) -> None:
    text = (ROOT / "build" / f"{name}.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--extra-index|--find-links|--trusted-host| @ |(?m:^-e)", text)


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_follows_its_list(name: str) -> None:
    """Fails when somebody added a wish and forgot `make lock`."""
    pins = {pin.name.lower().replace("_", "-"): pin for pin, _ in _pins(name)}
    assert not [
        str(wish)
        for wish in _wanted(ROOT / "build" / f"{name}.in")
        if (pin := pins.get(wish.name.lower().replace("_", "-"))) is None
        or not wish.specifier.contains(str(pin.specifier).removeprefix("=="))
    ]


def test_both_locks_hold_the_same_pins() -> None:
    assert {str(pin) for pin, _ in _pins("requirements")} <= {
        str(pin) for pin, _ in _pins("requirements-dev")
    }


def test_uvloop_alone_is_not_for_windows() -> None:
    """What else is left out there belongs to Linux desktops (the keyring's way to speak to them)."""
    pins = [pin for pin, _ in _pins("requirements")]
    there = {pin.name for pin in pins if pin.marker is None or pin.marker.evaluate(WINDOWS)}
    assert {pin.name for pin in pins} - there == {"uvloop", "jeepney", "secretstorage"}


WINDOWS = {
    "sys_platform": "win32",
    "platform_system": "Windows",
    "os_name": "nt",
    "python_version": "3.11",
    "python_full_version": "3.11.9",
}


@pytest.mark.skipif(sys.platform == "win32", reason="one lock for all")
def test_no_second_qt_and_no_second_opencv_can_come_in() -> None:
    names = {pin.name.lower() for pin, _ in _pins("requirements-dev")}
    assert not names & {"opencv-python", "opencv-contrib-python", "pyqt5", "pyqt6", "pyside2"}
