"""Ties a piece of rendering to the life of a widget."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, SignalInstance, Slot


class _Binding(QObject):
    """A child of what it renders into, so Qt ends both together and no dead widget is ever called."""

    def __init__(self, owner: QObject, render: Callable[[], object]) -> None:
        super().__init__(owner)
        self._render = render

    @Slot()
    def run(self) -> None:
        self._render()


def bind(signal: SignalInstance, owner: QObject, render: Callable[[], object]) -> None:
    """Calls `render` now and each time `signal` (without arguments) is emitted, for as long as `owner`
    lives."""
    signal.connect(_Binding(owner, render).run)
    render()
