"""Plays one round of an alarm on whatever loudspeaker there is, then ends. For the test with a real sound server.

python -m tests.helpers.sound_app FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QTimer

from ui.resources import resource_dir
from ui.sounds import Player


def main(folder: Path) -> int:
    app = QCoreApplication([])
    player = Player(resource_dir() / "sounds", folder / "句子")
    player.open()
    if player.state != "ready":
        return 3
    player.alarm("OD7", "zh")
    # The round after the next begins only when tone and sentence have been played through.
    player._again.timeout.connect(app.quit)
    QTimer.singleShot(20_000, lambda: app.exit(4))
    return app.exec()


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
