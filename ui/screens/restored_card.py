"""What a hub that was restored from a backup still needs of a person at this desk; not there when it needs nothing."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Literal

from app.wire import Restored
from ui.screens.room import Room
from ui.widgets.big_button import BigButton
from ui.widgets.card import Card
from ui.widgets.layout import row
from ui.widgets.plain_label import PlainLabel

#: ``go``: give waybill numbers again. ``brought``: what came since the backup is here again.
Step = Literal["go", "brought"]


class RestoredCard(Card):
    """One sentence and one button. ``ask`` does the step at the hub."""

    def __init__(self, room: Room, step: Step, ask: Callable[[], Coroutine[Any, Any, None]]) -> None:
        super().__init__(room.kit, margin="space.m", gap="space.s")
        self._room = room
        self._step = step
        self._ask = ask
        self._text = PlainLabel(role="body", wrap=True)
        self.button = BigButton(room.kit, f"supervisor.restored_{step}", icon="check", locks=True)
        self.button.clicked.connect(self._press)
        line = row(room.kit, self._text, self.button, gap="space.m")
        line.setStretch(0, 1)
        self.body.addLayout(line)
        self.set_state("wait")
        self.hide()
        room.kit.i18n.changed.connect(self.refresh)

    def words(self) -> str:
        """What is said now, "" while nothing is."""
        return self._text.words() if not self.isHidden() else ""

    def refresh(self) -> None:
        """As the hub says it now."""
        restored = self._room.core.read.restored()
        self.setVisible(restored is not None and self._needs(restored))
        if restored is not None:
            words = self._room.words()
            self._text.setText(
                words.tr(
                    f"supervisor.restored_{self._step}_text",
                    since=words.clock(restored.backup_at, self._room.now()),
                    until=words.clock(restored.restored_at, self._room.now()),
                    names=words.tr("supervisor.restored_between").join(
                        late.name for late in restored.waiting
                    ),
                )
            )
        self._room.allow(self.button, f"restored_{self._step}")

    def _needs(self, restored: Restored) -> bool:
        return restored.is_locked if self._step == "go" else restored.brought_at is None

    def _press(self) -> None:
        self._room.work.run(self._ask, self._done, self._failed, owner=self)

    def _done(self, _: None) -> None:
        self.button.unlock()
        self._room.bar.success(self._room.kit.i18n.say(f"supervisor.restored_{self._step}_done"))
        self.refresh()

    def _failed(self, error: Exception) -> None:
        self.button.unlock()
        self._room.trouble(error)
