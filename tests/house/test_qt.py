"""The Qt binding we pin keeps a station alive for a whole shift."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="True and False are immortal from Python 3.12 on")
def test_regression_signals_do_not_eat_references_to_true() -> None:
    """PySide6 6.12.0 dropped one reference to True with each emitted signal; Python 3.11 dies without them.

    A program that has imported much lives long enough to pass short tests and dies in the middle of a shift.
    """
    program = """
import sys
from PySide6.QtCore import QObject, Signal
class Sender(QObject):
    sent = Signal(int)
sender = Sender()
before = sys.getrefcount(True), sys.getrefcount(False)
for number in range(50):
    sender.sent.emit(number)
print(before[0] - sys.getrefcount(True), before[1] - sys.getrefcount(False))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8")
    lost = [int(word) for word in done.stdout.split()]
    assert done.returncode == 0, done.stderr
    assert len(lost) == 2 and max(lost) < 10
