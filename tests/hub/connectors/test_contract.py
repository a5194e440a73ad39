"""Every connector folder keeps the shape and the promises of the contract."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hub.connectors.contract import folders, manifest_of
from tests.helpers.source import ROOT
from tests.hub.connectors.checks import CHECKS, Check

FOLDERS = folders()
MIRRORS = ROOT / "tests" / "hub" / "connectors"


def test_there_are_connectors() -> None:
    assert {"file", "pdd", "douyin", "kuaidi100"} <= {folder.name for folder in FOLDERS}


@pytest.mark.parametrize("check", CHECKS, ids=[check.__name__ for check in CHECKS])
@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_a_folder_keeps_the_contract(folder: Path, check: Check) -> None:
    assert check(folder, MIRRORS / folder.name) == []


def test_a_manifest_with_a_wrong_name_or_an_unknown_word_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    folder.mkdir()
    text = (FOLDERS[0] / "manifest.toml").read_text(encoding="utf-8")
    (folder / "manifest.toml").write_text(text, encoding="utf-8")
    with pytest.raises(msgspec.ValidationError, match="acme"):
        manifest_of(folder)
    (folder / "manifest.toml").write_text(text + "\ncolour = 1\n", encoding="utf-8")
    with pytest.raises(msgspec.ValidationError, match="colour"):
        manifest_of(folder)
