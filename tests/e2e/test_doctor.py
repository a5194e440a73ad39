"""`main.py doctor` as people run it: what it finds, what it says to do, in both languages."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.core.printjob import PrinterState
from app.core.texts import Lang
from app.station import keepsake
from app.station.bench import Identity
from app.store.outbox import Outbox
from rehearsal.printer import StandInPrinter
from rehearsal.processes import run_command
from tests.helpers.real_hub import RealHub, real_hub
from tests.helpers.source import texts

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

#: What needs no advice; `rare_signs` are the signs that are tried.
WELL = {
    "screen", "font", "sound", "ports", "ports_none", "codes", "zbar", "slip", "signs", "printer_ready", "room", "disk",
    "clock", "looked_at", "hub", "hub_wire", "signed_in", "cancels", "clock_same", "rare_signs",
    "scanner_check",
}  # fmt: skip
CHINESE = re.compile(r"[\u3400-\u9fff]")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHub]:
    with real_hub(tmp_path_factory.mktemp("中枢") / "hub") as running:
        yield running


def _doctor(folder: Path, lang: Lang, *more: str) -> tuple[int, str]:
    done = run_command("doctor", "--data-dir", str(folder), "--lang", lang, *more)
    assert done.stderr == ""
    return done.returncode, done.stdout


def _joined(hub: RealHub, folder: Path) -> Identity:
    """A packing station that has been paired, its files in ``folder``."""
    paired = hub.api("POST", "/v1/stations", {"code": hub.code("packing"), "name": "打包台 3"})
    identity = Identity(
        hub_url=hub.url,
        station_id=paired["station_id"],
        name="打包台 3",
        kind="packing",
        warehouse="main",
        token=paired["token"],
    )
    folder.mkdir()
    keepsake.write(folder, identity)
    return identity


def _set_printer(folder: Path, address: str) -> None:
    outbox = Outbox(folder / "outbox.sqlite")
    outbox.set_setting("printer_address", address)
    outbox.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_fresh_machine_is_told_what_is_well_and_what_to_do_next(tmp_path: Path, lang: Lang) -> None:
    folder = tmp_path / "工位 一"
    status, said = _doctor(folder, lang)
    assert status == 0, said
    for key in (
        "codes",
        "zbar",
        "slip",
        "signs",
        "hub_none",
        "hub_none_todo",
        "printer_none",
        "printer_none_todo",
    ):
        assert _says(said, f"doctor.{key}", lang), (key, said)
    assert not folder.exists(), "looking at a machine leaves nothing behind"
    marks = {line[0] for line in said.splitlines()}
    assert marks <= {"✓", "!", " "}
    if lang == "en":
        rest = said.replace("䶮 㛃 ℃", "").replace(str(folder), "")
        assert not CHINESE.search(rest), rest


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere the system alone says where programs keep their data"
)
def test_without_a_folder_every_station_of_this_machine_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service desk that cannot write was not seen by a doctor that knew of packing stations alone."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    service = tmp_path / "Orderdock" / "station-service"
    for kind, address in (("packing", "tcp:127.0.0.1:9"), ("service", "nonsense")):
        (tmp_path / "Orderdock" / f"station-{kind}").mkdir(parents=True)
        _set_printer(tmp_path / "Orderdock" / f"station-{kind}", address)
    done = run_command("doctor", "--lang", "en")
    packing, own = done.stdout.split(texts()["doctor.looked_at"]["en"].format(path=service))
    assert str(tmp_path / "Orderdock" / "station-packing") in packing and "tcp:127.0.0.1:9" in packing
    assert "nonsense" in own and "nonsense" not in packing
    assert done.stdout.count("data folder") == 2
    assert done.returncode == 1, "what is wrong at any of them counts"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_without_its_hub_a_station_is_told_that_work_goes_on(tmp_path: Path, lang: Lang) -> None:
    status, said = _doctor(tmp_path, lang, "--hub", "http://127.0.0.1:9")
    assert status == 1
    assert _says(said, "doctor.hub_away", lang)
    assert _says(said, "doctor.hub_away_todo", lang)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_with_its_hub_a_station_is_told_how_soon_cancels_come(
    hub: RealHub, tmp_path: Path, lang: Lang
) -> None:
    folder = tmp_path / "工位 二"
    _joined(hub, folder)
    with StandInPrinter() as printer:
        _set_printer(folder, f"tcp:127.0.0.1:{printer.port}")
        status, said = _doctor(folder, lang)
    assert status == 0, said
    for key in ("hub", "hub_wire", "signed_in", "cancels", "clock_same", "printer_ready"):
        assert _says(said, f"doctor.{key}", lang), (key, said)
    way = re.search(r"大约 (\d+) 毫秒到达" if lang == "zh" else r"in about (\d+) ms", said)
    assert way and 1 <= int(way[1]) < 2000


def test_a_token_is_shown_only_to_the_hub_that_gave_it(hub: RealHub, tmp_path: Path) -> None:
    _joined(hub, tmp_path / "station")
    other_name = hub.url.replace("127.0.0.1", "localhost")
    assert _says(_doctor(tmp_path / "station", "en", "--hub", other_name)[1], "doctor.not_paired", "en")


def test_a_station_the_hub_no_longer_knows_is_told_to_join_again(hub: RealHub, tmp_path: Path) -> None:
    identity = _joined(hub, tmp_path / "station")
    hub.api("POST", f"/v1/stations/{identity.station_id}/revoke", {})
    status, said = _doctor(tmp_path / "station", "en")
    assert status == 1
    assert _says(said, "doctor.signed_out", "en")
    assert _says(said, "doctor.signed_out_todo", "en")


def test_something_else_at_the_address_is_named(tmp_path: Path) -> None:
    with StandInPrinter() as printer:
        status, said = _doctor(tmp_path, "en", "--hub", f"127.0.0.1:{printer.port}")
    assert status == 1
    assert _says(said, "doctor.hub_away", "en") or _says(said, "doctor.hub_other", "en")


def test_everything_that_is_not_well_says_what_to_do() -> None:
    said = {key.removeprefix("doctor.") for key in texts() if key.startswith("doctor.")}
    found = {key for key in said if not key.endswith("_todo")}
    assert {key for key in found - WELL if f"{key}_todo" not in said} == set()
    assert found >= WELL
    assert {key.removesuffix("_todo") for key in said - found} <= found


def test_every_finding_has_its_words() -> None:
    root = Path(__file__).parents[2]
    rooms = ("app/os", "app/codes", "printing", "ui", "sync")
    code = "\n".join((root / room / "checks.py").read_text(encoding="utf-8") for room in rooms)
    named = set(re.findall(r'Finding\(\s*"(\w+)"', code)) | {f"printer_{state}" for state in PrinterState}
    assert len(named) > 30
    assert {key for key in named if f"doctor.{key}" not in texts()} == set()


def _says(said: str, key: str, lang: Lang) -> bool:
    """Whether the sentence of ``key`` stands there, whatever fills its fields."""
    parts = re.split(r"\{\w+\}", texts()[key][lang])
    return re.search(".*?".join(map(re.escape, parts)), said) is not None
