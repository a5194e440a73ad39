"""Margins and gaps from the tokens, kept right when the scale changes."""

from __future__ import annotations

from typing import TypeVar

from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLayout, QSizePolicy, QVBoxLayout, QWidget

from ui.kit import Kit

L = TypeVar("L", bound=QBoxLayout)


def pad(kit: Kit, layout: QLayout, margin: str = "", gap: str = "space.m") -> None:
    """Gives `layout` margins and gaps of two length tokens; "" means none."""

    def measure() -> None:
        side = kit.theme.px(margin) if margin else 0
        layout.setContentsMargins(side, side, side, side)
        layout.setSpacing(kit.theme.px(gap) if gap else 0)

    kit.theme.bind(layout, measure)


def row(kit: Kit, *widgets: QWidget, margin: str = "", gap: str = "space.m") -> QHBoxLayout:
    """Widgets side by side."""
    return _filled(kit, QHBoxLayout(), widgets, margin, gap)


def column(kit: Kit, *widgets: QWidget, margin: str = "", gap: str = "space.m") -> QVBoxLayout:
    """Widgets one below the other."""
    return _filled(kit, QVBoxLayout(), widgets, margin, gap)


def give_way(*widgets: QWidget) -> None:
    """Lists that scroll take the room that is left: what stands beside them is read whole first."""
    for widget in widgets:
        widget.setMinimumHeight(1)
        widget.setSizePolicy(widget.sizePolicy().horizontalPolicy(), QSizePolicy.Policy.Ignored)


def rule(parent: QWidget | None = None) -> QFrame:
    """A hair line between two things."""
    line = QFrame(parent)
    line.setProperty("role", "rule")
    return line


def _filled(kit: Kit, layout: L, widgets: tuple[QWidget, ...], margin: str, gap: str) -> L:
    pad(kit, layout, margin, gap)
    for widget in widgets:
        layout.addWidget(widget)
    return layout
