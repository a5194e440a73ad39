"""What `python -m hub.connectors.new` makes passes the contract and its own tests at once; a broken one does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hub.connectors.carriers
import hub.connectors.channels
from hub.connectors import new
from tests.helpers.source import ROOT
from tests.hub.connectors import checks

#: Tests of a made folder run where the folder is no part of the installed packages.
CONFTEST = """
import sys
import hub.connectors.channels, hub.connectors.carriers
hub.connectors.channels.__path__.append({channels!r})
hub.connectors.carriers.__path__.append({carriers!r})
"""


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A place where made folders can be imported from."""
    places = {"channels": hub.connectors.channels, "carriers": hub.connectors.carriers}
    for name, package in places.items():
        package.__path__.append(str(tmp_path / "hub" / "connectors" / name))
    yield tmp_path
    for name, package in places.items():
        package.__path__.remove(str(tmp_path / "hub" / "connectors" / name))
    for name in [name for name in sys.modules if ".acme" in name]:
        del sys.modules[name]


def place(root: Path, kind: str) -> tuple[Path, Path]:
    return root / "hub" / "connectors" / f"{kind}s" / "acme", root / "tests" / "hub" / "connectors" / "acme"


@pytest.mark.parametrize("kind", ["channel", "carrier"])
def test_a_new_folder_keeps_the_contract_at_once(root: Path, kind: new.Kind) -> None:
    made = new.make(kind, "acme", root)
    assert all(path.is_file() for path in made)
    assert not [path for path in made if "{{" in path.read_text(encoding="utf-8")]
    assert {check.__name__: check(*place(root, kind)) for check in checks.CHECKS} == {
        check.__name__: [] for check in checks.CHECKS
    }


def test_new_folders_pass_their_own_tests_and_the_house_style(root: Path) -> None:
    new.make("channel", "acme", root)
    new.make("carrier", "acmepost", root)
    folders = {name: str(root / "hub" / "connectors" / name) for name in ("channels", "carriers")}
    (root / "conftest.py").write_text(CONFTEST.format(**folders), encoding="utf-8")
    settings = str(ROOT / "pyproject.toml")
    tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", settings, "--rootdir", str(root)]
    mirrors = root / "tests" / "hub" / "connectors"
    assert {path.name for path in mirrors.iterdir() if path.is_dir()} >= {"acme", "acmepost"}
    done = subprocess.run(
        [sys.executable, *tests, "--confcutdir", str(root), str(mirrors / "acme"), str(mirrors / "acmepost")],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for style in (["check"], ["format", "--check"]):
        words = ["-m", "ruff", *style, "--no-cache", "--config", settings, str(root / "hub")]
        done = subprocess.run(
            [sys.executable, *words, str(root / "tests")], capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_broken_promises_are_found(root: Path) -> None:
    new.make("channel", "acme", root)
    folder, mirror = place(root, "channel")

    def change(path: Path, old: str, new_text: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new_text), encoding="utf-8")

    assert checks.network_lives_in_the_client(folder, mirror) == []
    change(folder / "mapping.py", "import json\n", "import json\nimport logging\nimport urllib.request\n")
    assert len(checks.network_lives_in_the_client(folder, mirror)) == 2
    change(folder / "client.py", ", repr=False)", ")")
    change(folder / "client.py", "    async def check(", "    async def tested(")
    assert checks.capabilities_are_real(folder, mirror) == ["check"]
    change(folder / "manifest.toml", '"ship_back"', '"ship_back", "track_query"')
    change(folder / "manifest.toml", "timeout_s = 10.0", "timeout_s = 60.0")
    assert "track_query" in checks.capabilities_are_real(folder, mirror)
    assert checks.a_payload_for_each(folder, mirror) == ["track_query"]
    assert checks.manifest_says_who_and_what(folder, mirror) == ["timeout_s"]
    (mirror / "payloads" / "push.json").write_text("{", encoding="utf-8")
    assert "push.json" in checks.a_payload_for_each(folder, mirror)
    (folder / "README.md").write_text("later", encoding="utf-8")
    assert checks.readme_tells_how(folder, mirror)
    (folder / "settings.py").unlink()
    assert checks.files_are_there(folder, mirror) == ["settings.py"]


def test_a_secret_in_a_repr_or_an_error_is_found(root: Path) -> None:
    new.make("channel", "acme", root)
    folder, mirror = place(root, "channel")
    client = folder / "client.py"
    text = client.read_text(encoding="utf-8")
    client.write_text(
        text.replace(", repr=False)", ")").replace('Later(f"HTTP {', 'Later(f"{answer.text} {'),
        encoding="utf-8",
    )
    found = checks.secrets_are_never_told(folder, mirror)
    assert any("app_secret" in one for one in found) and any("access_token" in one for one in found)


def test_names_that_do_not_fit_and_folders_that_are_there_are_refused(root: Path) -> None:
    for name in ("", "A", "a", "1a", "../x", "a-b", "a" * 40):
        with pytest.raises(new.CannotMake):
            new.make("channel", name, root)
    new.make("channel", "acme", root)
    with pytest.raises(new.CannotMake, match="there already"):
        new.make("carrier", "acme", root)  # tests of one name lie in one place


def test_the_command_says_what_it_made_and_how_it_is_used(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new.main(["carrier", "acme"], root) == 0
    assert "hub/connectors/carriers/acme/client.py\n" in capsys.readouterr().out
    assert new.main(["carrier", "acme"], root) == 1
    assert "there already" in capsys.readouterr().err
    assert new.main(["planet", "acme"], root) == 2
    assert "channel|carrier" in capsys.readouterr().err
