"""The suite's run under a Chinese code page is what it says: GBK for text, Unicode for file names."""

from __future__ import annotations

import locale
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.gbk


def test_a_forgotten_encoding_means_gbk_here_as_on_a_chinese_windows(tmp_path: Path) -> None:
    assert locale.getencoding().upper() == "GBK"
    with pytest.warns(EncodingWarning), open(tmp_path / "a.txt", "w") as file:  # noqa: PLW1514 - it is the point
        file.write("订单")
    assert (tmp_path / "a.txt").read_bytes() == "订单".encode("gbk")


def test_a_started_python_speaks_gbk_into_a_pipe() -> None:
    done = subprocess.run([sys.executable, "-c", "print('订单')"], capture_output=True, check=True)
    assert done.stdout == "订单\n".encode("gbk")


def test_file_names_are_unicode(tmp_path: Path) -> None:
    (tmp_path / "张 三 ①.txt").write_text("x", encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["张 三 ①.txt"]


def test_temporary_files_lie_in_a_folder_with_a_blank_and_chinese(tmp_path: Path) -> None:
    assert "张 三" in tmp_path.parts
