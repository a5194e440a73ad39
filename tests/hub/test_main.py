"""The command: one process on one folder, said in one sentence what it does and why it cannot."""

from __future__ import annotations

import logging
import os
import re
import socket
import sqlite3
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from app.os.folderlock import FolderLock, FolderTaken
from hub import keys, logs, tls
from hub.main import run
from tests.helpers.hub import (
    ADMIN,
    PASSWORD,
    ROOT,
    TOML,
    HubClient,
    a_channel_order,
    hub_command,
    hub_in_thread,
    hub_process,
)
from tests.helpers.ports import held_port

SECRETS = ("林小满", "18312342807", "文三路", "小满爱买书", PASSWORD, "买家不要了")


def _refused(data_dir: Path, capsys: pytest.CaptureFixture[str], *, lang: Any = "en", **more: Any) -> str:
    """What the command says on stderr when it does not start; it must be words, and few."""
    with held_port() as port:  # nobody else listens there when it is its turn
        given = {"port": port, "host": "127.0.0.1"} | more
        config = given.pop("config_path", None)
        assert run(config, data_dir, lang=lang, **given) == 1
    said = capsys.readouterr().err.strip()
    assert said
    assert "Traceback" not in said
    assert "{" not in said
    return said


# -------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_taken_port_is_said_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lang: str
) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = sock.getsockname()[1]
        said = _refused(tmp_path, capsys, port=port, lang=lang)
    assert str(port) in said
    assert "--port" in said
    assert said.count("\n") == 0


def test_a_folder_another_hub_works_in_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with FolderLock(tmp_path):
        said = _refused(tmp_path, capsys)
    assert "Another hub" in said
    assert "--data-dir" in said


def test_a_lock_is_exclusive_within_a_process_too(tmp_path: Path) -> None:
    with FolderLock(tmp_path), pytest.raises(FolderTaken):
        FolderLock(tmp_path)


def test_a_bad_configuration_is_said_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hub.toml"
    path.write_text("[hub]\nprot = 1\ntimezone = 'Asia/Shangai'\n", encoding="utf-8")
    said = _refused(tmp_path, capsys, config_path=path)
    assert 'line 2: [hub] has no setting "prot". Did you mean "port"?' in said
    assert "line 3" not in said or "Asia/Shanghai" in said


def test_a_configuration_in_the_data_folder_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hub.toml").write_text("[hub]\nprot = 1\n", encoding="utf-8")
    assert "prot" in _refused(tmp_path, capsys)


def test_a_damaged_database_is_said_and_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "orderdock.db"
    path.write_bytes(b"this is no database at all, and it is long enough to be sure " * 100)
    before = path.read_bytes()
    said = _refused(tmp_path, capsys)
    assert "damaged" in said
    assert "restore" in said
    assert path.read_bytes() == before


def test_a_database_of_a_newer_program_is_said_and_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hub_in_thread(tmp_path):
        pass
    conn = sqlite3.connect(tmp_path / "orderdock.db")
    conn.execute("UPDATE alembic_version SET version_num = 'from_the_future'")
    conn.commit()
    conn.close()
    assert "newer" in _refused(tmp_path, capsys)


@pytest.mark.parametrize("db", ["postgresql://nobody@127.0.0.1:1/none", "sqlite:////nowhere/at/all/x.db"])
def test_a_database_that_is_not_there_is_said_without_its_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], db: str
) -> None:
    said = _refused(tmp_path, capsys, db=db.replace("nobody@", "nobody:pa55word@"))
    assert "cannot be opened" in said
    assert "pa55word" not in said


@pytest.mark.parametrize("host", ["203.0.113.77"])
def test_an_address_of_another_machine_is_said(tmp_path: Path, host: str) -> None:
    with held_port() as port:
        command = hub_command(tmp_path, port=port, host=host)
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--host" in done.stderr


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the administrator may write anywhere")
def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tmp_path.chmod(0o500)
    assert "cannot be written" in _refused(tmp_path, capsys)
    tmp_path.chmod(0o700)


def test_a_data_folder_that_is_a_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "file"
    path.write_text("x", encoding="utf-8")
    assert "cannot be written" in _refused(path, capsys)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / ".probe").symlink_to("/dev/full")
    said = _refused(tmp_path, capsys)
    assert "disk is full" in said


def test_damaged_certificates_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tls").mkdir()
    for name in ("ca.pem", "ca.key"):
        (tmp_path / "tls" / name).write_text("nonsense", encoding="utf-8")
    assert "certificates" in _refused(tmp_path, capsys, host="0.0.0.0")


# ------------------------------------------------------------------------------------------------ keys


def test_the_recovery_code_is_made_once_and_brings_a_lost_key_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hub_in_thread(tmp_path) as first:
        code = first.app.recovery_code
    with hub_in_thread(tmp_path) as second:
        assert second.app.recovery_code is None
    (tmp_path / keys.KEY_FILE).unlink()
    assert "--recover" in _refused(tmp_path, capsys)
    assert not (tmp_path / keys.KEY_FILE).exists()
    with hub_process(tmp_path, recover=code) as third:
        assert httpx.get(third.url + "/healthz", trust_env=False, timeout=30).status_code == 200


# ----------------------------------------------------------------------------------------------- start


def test_a_hub_says_where_it_listens_and_stops_gracefully_with_open_streams(tmp_path: Path) -> None:
    with hub_process(tmp_path, is_first_start=True) as hub:
        assert any(hub.url in line for line in hub.said)
        assert len(re.findall(r"(?:[0-9A-Z]{4}-){6}[0-9A-Z]{4}", "\n".join(hub.said))) == 1, "a recovery code"
        client = HubClient(hub.url)
        token = client.post("/v1/sessions", json={"user": ADMIN, "password": PASSWORD}).json()["token"]
        listener = HubClient(hub.url, token)
        with listener.stream("GET", "/v1/stream") as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("event: head")
            assert hub.stop() == 0
            assert list(lines) is not None
        client.close()
        listener.close()
        assert hub.process.stderr is not None
        assert hub.process.stderr.read() == ""
    log = (tmp_path / "logs" / "hub.log").read_text(encoding="utf-8")
    said = [msgspec.json.decode(line, type=dict[str, Any]) for line in log.splitlines()]
    assert said[-1]["event"] == "stopped"
    assert not [line for line in said if line["level"] == "error"], "the server had to end a stream itself"


def test_two_hubs_never_share_a_folder_and_what_one_acknowledged_is_there_after_a_kill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv = b"channel_order_no,paid_at,consignee_name,consignee_phone,consignee_address,sku_code,qty,paid\n"
    csv += "F1,2026-11-21 09:00:00,林小满,18312342807,浙江省杭州市西湖区文三路 1 号,SKU-1,2,128.00\n".encode()
    with hub_process(tmp_path) as hub:
        client = HubClient(hub.url)
        token = client.post("/v1/sessions", json={"user": ADMIN, "password": PASSWORD}).json()["token"]
        admin = HubClient(hub.url, token)
        assert "Another hub" in _refused(tmp_path, capsys)
        assert admin.post("/v1/imports", params={"filename": "a.csv"}, content=csv).json()["taken"] == 1
        hub.process.kill()
        hub.process.wait()
        with FolderLock(tmp_path):
            pass
        client.close()
        admin.close()
    with hub_in_thread(tmp_path) as again:
        [order] = again.client(token).get("/v1/orders", params={"q": "F1"}).json()["orders"]
        assert order["paid_fen"] == 12_800


# ------------------------------------------------------------------------------------------------- tls


def test_a_hub_others_can_reach_speaks_tls_with_its_own_authority(tmp_path: Path) -> None:
    with hub_process(tmp_path, host="0.0.0.0") as hub:
        url = hub.url.replace("http:", "https:")
        trusted = ssl.create_default_context(cafile=str(tmp_path / "tls" / "ca.pem"))
        client = HubClient(url, verify=trusted)
        token = client.post("/v1/sessions", json={"user": ADMIN, "password": PASSWORD}).json()["token"]
        opened = client.post(
            "/v1/pairing_codes", json={"kind": "packing"}, headers={"Authorization": f"Bearer {token}"}
        ).json()
        paired = client.post("/v1/stations", json={"code": opened["code"], "name": "1 号台"}).json()
        pem = client.get("/ca.pem").content
        fingerprint = _fingerprint(pem)
        assert opened["ca_sha256"] == paired["ca_sha256"] == fingerprint
        client.close()
        stranger = HubClient(url, verify=ssl.create_default_context())
        with pytest.raises(httpx.ConnectError):
            stranger.get("/healthz")
        stranger.close()
        assert hub.process.stdout is not None
        rest = hub.process.stdout.readline()
        assert fingerprint in "\n".join([*hub.said, rest])


def _fingerprint(pem: bytes) -> str:
    from cryptography import x509

    return tls.fingerprint(x509.load_pem_x509_certificate(pem))


@pytest.mark.skipif(os.name == "nt", reason="files carry no modes there")
def test_private_keys_of_the_authority_are_for_the_hub_alone(tmp_path: Path) -> None:
    from datetime import UTC, datetime, timedelta

    now = datetime(2026, 11, 21, tzinfo=UTC)
    made = tls.prepare(tmp_path, "192.168.1.9", now)
    for name in ("ca.key", "hub.key"):
        assert (tmp_path / "tls" / name).stat().st_mode & 0o777 == 0o600
    before = made.cert_path.read_bytes()
    assert tls.prepare(tmp_path, "192.168.1.9", now) == made
    assert made.cert_path.read_bytes() == before
    renewed = tls.prepare(tmp_path, "192.168.1.9", now + timedelta(days=380))
    assert renewed.ca_sha256 == made.ca_sha256
    assert made.cert_path.read_bytes() != before


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("192.168.1.9", False),
        ("hub", False),
    ],
)
def test_only_loopback_goes_without_tls(host: str, loopback: bool) -> None:
    assert tls.is_loopback(host) is loopback


# ------------------------------------------------------------------------------------------------ logs


def test_the_log_holds_what_happened_and_nobodys_data(tmp_path: Path) -> None:
    csv = b"channel_order_no,paid_at,consignee_name,consignee_phone,consignee_address,sku_code,qty,paid\n"
    csv += "F1,2026-11-21 09:00:00,林小满,18312342807,浙江省杭州市西湖区文三路 1 号,SKU-1,2,128.00\n".encode()
    with hub_process(tmp_path) as hub:
        client = HubClient(hub.url)
        client.post("/v1/sessions", json={"user": "林小满", "password": "18312342807"})
        client.post("/v1/acts", content="{文三路".encode())
        token = client.post("/v1/sessions", json={"user": ADMIN, "password": PASSWORD}).json()["token"]
        admin = HubClient(hub.url, token)
        admin.post("/v1/imports", params={"filename": "林小满.csv"}, content=csv)
        [order] = admin.get("/v1/orders", params={"q": "林小满"}).json()["orders"]
        admin.post(f"/v1/orders/{order['order_no']}/reveal", json={"reason": "买家不要了"})
        admin.act("cancel", order["order_no"], body={"note": "买家不要了 18312342807"})
        admin.post("/v1/orders/林小满/reveal", json={"reason": "买家不要了"})
        client.close()
        admin.close()
        assert hub.stop() == 0
    log = (tmp_path / "logs" / "hub.log").read_text(encoding="utf-8")
    lines = [msgspec.json.decode(line, type=dict[str, Any]) for line in log.splitlines()]
    assert {"ready", "stopped"} <= {line["event"] for line in lines}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"]) for line in lines)
    for secret in (*SECRETS, token):
        assert secret not in log


PROGRAM = """
import logging, sys
from pathlib import Path
import structlog
from hub import logs
with logs.logging_into(Path(sys.argv[1])):
    log = structlog.get_logger("hub.test")
    try:
        raise ValueError("林小满 18312342807") from KeyError("文三路")
    except ValueError:
        log.exception("fault", route="/v1/acts", consignee="林小满", body="18312342807")
    logging.getLogger("somebody.elses").error("row %s of %s", "林小满", "18312342807")
"""


def test_a_fault_is_logged_with_its_places_and_without_its_words(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT, check=True)
    text = (tmp_path / "logs" / "hub.log").read_text(encoding="utf-8")
    fault, other = [msgspec.json.decode(line, type=dict[str, Any]) for line in text.splitlines()]
    assert fault["error"] == "ValueError < KeyError"
    assert any(place.startswith("<string>:") for place in fault["places"])
    assert (fault["event"], fault["route"], fault["level"]) == ("fault", "/v1/acts", "error")
    assert other["logger"] == "somebody.elses"
    for secret in SECRETS:
        assert secret not in text


@pytest.mark.gbk
def test_a_hub_runs_in_a_folder_with_chinese_and_blanks_in_its_name(tmp_path: Path) -> None:
    with hub_process(tmp_path / "张 三", lang="zh") as hub:
        assert "订单中枢已启动" in hub.said[-1]
        assert httpx.get(hub.url + "/healthz", trust_env=False, timeout=30).status_code == 200
        assert a_channel_order() and TOML
        assert hub.stop() == 0


def test_regression_others_words_are_left_out_however_they_were_put_together() -> None:
    """asyncio quotes the exception of a forgotten task in its message, with no parameter to see it by."""
    fault = ValueError("林小满 18312342807")
    quoted = f"Task exception was never retrieved\nfuture: <Task finished exception={fault!r}>"
    record = logging.LogRecord("asyncio", logging.ERROR, "", 0, quoted, (), (ValueError, fault, None))
    text = logs.JsonLines().format(record)
    line = msgspec.json.decode(text, type=dict[str, Any])
    assert (line["logger"], line["event"], line["error"]) == ("asyncio", "asyncio", "ValueError")
    for secret in SECRETS:
        assert secret not in text
