"""Every connector folder keeps the shape and the promises of the contract."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hub.connectors.contract import folders, manifest_of
from tests.helpers.source import ROOT

FOLDERS = folders()
each = pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])


def test_there_are_connectors() -> None:
    assert FOLDERS


@each
def test_a_folder_has_all_its_files(folder: Path) -> None:
    manifest = manifest_of(folder)
    needed = ["README.md", "manifest.toml", "mapping.py", "settings.py"]
    needed += ["client.py"] if manifest.timeout_s > 0 else []
    assert [name for name in needed if not (folder / name).is_file()] == []
    assert (ROOT / "tests" / "hub" / "connectors" / folder.name).is_dir()


@each
def test_a_manifest_says_who_and_what(folder: Path) -> None:
    manifest = manifest_of(folder)
    assert manifest.capabilities and manifest.title_zh and manifest.title_en
    assert manifest.kind + "s" == folder.parent.name


@each
def test_a_readme_tells_people_how_to_use_it(folder: Path) -> None:
    assert len((folder / "README.md").read_text(encoding="utf-8")) > 500


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
