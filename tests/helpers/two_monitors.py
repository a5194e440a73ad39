"""Raises an alarm on a machine with two monitors and one window; prints where the red sheets lie.

QT_QPA_PLATFORM=offscreen:configfile=... python -m tests.helpers.two_monitors
"""

from __future__ import annotations

import json

from PySide6.QtWidgets import QApplication, QWidget

from tests.helpers.qt import FixedClock
from ui.kit import make_kit
from ui.resources import resource_dir
from ui.widgets.alarm import Alarm, AlarmView


def places(alarm: Alarm) -> list[list[object]]:
    """Monitor, width and height of each sheet."""
    return sorted([sheet.screen().name(), sheet.width(), sheet.height()] for sheet in alarm.sheets())


def main() -> None:
    app = QApplication([])
    kit = make_kit(app, resource_dir(), FixedClock())
    window = QWidget()
    window.setGeometry(0, 0, 500, 400)
    window.show()
    app.processEvents()
    alarm = Alarm(kit)
    alarm.raise_alarm(AlarmView("a", "停！", "订单已取消", "请停手"))
    app.processEvents()
    during = places(alarm)
    alarm.acknowledge("scan")
    app.processEvents()
    print(json.dumps({"during": during, "after": places(alarm)}))  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main()
