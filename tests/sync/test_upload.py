"""The command `import` against a real hub: taken, refused with reasons, the same file again, and every no."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from rehearsal.processes import environment, run_command
from tests.helpers.real_hub import PASSWORD, SHOP, RealHub, real_hub

ROWS = (
    "channel_order_no,paid_at,consignee_name,consignee_phone,consignee_address,sku_code,qty,paid\n"
    "A0001,2026-11-21 09:00:00,林小明,18312342807,浙江省杭州市西湖区文三路1号,A,1,10.00\n"
    "4.78E+18,2026-11-21 09:00:00,林小明,18312342807,浙江省杭州市西湖区文三路1号,A,1,10.00\n"
)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealHub]:
    with real_hub(tmp_path_factory.mktemp("上传") / "hub") as running:
        yield running


def the_import(hub: RealHub, file: Path, *words: str, token: str = "") -> tuple[int, str, str]:
    done = run_command(
        "import", str(file), "--shop", SHOP, "--hub", hub.url, "--lang", "en", *words, token=token
    )
    return done.returncode, done.stdout, done.stderr


def test_good_rows_are_taken_and_a_damaged_number_comes_back_with_its_cause(
    hub: RealHub, tmp_path: Path
) -> None:
    file = tmp_path / "订单 一.csv"
    file.write_text(ROWS, encoding="gb18030")
    status, said, _ = the_import(hub, file, token=hub.token)
    assert status == 1
    assert "2 rows: 1 taken, 0 known and the same, 1 refused" in said
    assert "Row 3" in said
    back = openpyxl.load_workbook(tmp_path / "订单 一-refused.xlsx").active
    assert back is not None
    assert any("4.78E+18" in str(cell) for row in back.iter_rows(values_only=True) for cell in row)
    status, said, _ = the_import(hub, file, token=hub.token)
    assert "0 taken, 1 known and the same, 1 refused" in said


def test_a_person_signs_in_with_a_password_and_a_dry_run_takes_nothing(
    hub: RealHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "orders.csv"
    heading, good, _ = ROWS.splitlines()
    file.write_text(heading + "\n" + good.replace("A0001", "B0001"), encoding="utf-8")
    monkeypatch.setenv("ORDERDOCK_PASSWORD", PASSWORD)
    assert environment(offscreen=True)["ORDERDOCK_PASSWORD"] == os.environ["ORDERDOCK_PASSWORD"]
    before = len(hub.orders())
    status, said, _ = the_import(hub, file, "--user", "admin", "--dry-run")
    assert (status, len(hub.orders())) == (0, before)
    assert "nothing was taken" in said
    assert the_import(hub, file, "--user", "admin")[0] == 0
    assert len(hub.orders()) == before + 1
    monkeypatch.setenv("ORDERDOCK_PASSWORD", "wrong password")
    status, _, why = the_import(hub, file, "--user", "admin")
    assert status == 1
    assert why.strip()
    assert "Traceback" not in why


def test_every_no_is_one_sentence(hub: RealHub, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(ROWS, encoding="utf-8")
    assert the_import(hub, file)[0] == 2
    status, _, why = the_import(hub, tmp_path / "none.csv")
    assert status == 1 and "There is no file" in why, "before anybody is asked to sign in"
    assert the_import(hub, file, "--kind", "people", token="x")[0] == 2
    away = run_command("import", str(file), "--hub", "http://127.0.0.1:9", "--lang", "en", token="x")
    assert away.returncode == 1
    assert "cannot be reached" in away.stderr
    status, _, why = the_import(hub, file, token="not a token")
    assert status == 1
    assert len(why.strip().splitlines()) == 1
