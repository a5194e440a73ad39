"""All fields of an order with the system each comes from (MAP-01)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QToolButton, QVBoxLayout, QWidget

from ui.kit import Kit
from ui.present.service import Field, Group
from ui.widgets.layout import pad, rule
from ui.widgets.plain_label import PlainLabel


class FieldList(QScrollArea):
    """Groups of fields: name, value, source; numbers people pass on have a button that copies them."""

    copied = Signal(str)

    def __init__(self, kit: Kit) -> None:
        super().__init__()
        self._kit = kit
        self._shown: tuple[Group, ...] = ()
        self._parts: list[_Part] = []
        inner = QWidget()
        self._layout = QVBoxLayout(inner)
        pad(kit, self._layout, gap="space.s")
        self._layout.addStretch(1)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_groups(self, groups: Sequence[Group], *, reset: bool = False) -> None:
        """Changed only where something differs; ``reset`` goes back to the top."""
        if tuple(groups) != self._shown:
            self._shown = tuple(groups)
            self._fill()
        if reset:
            self.verticalScrollBar().setValue(0)

    def words(self) -> str:
        """All that is shown, a line a field."""
        return "\n".join(f"{f.label}: {f.value} ({f.source})" for g in self._shown for f in g.fields)

    def _fill(self) -> None:
        """Another order's words go into the labels that stand: making a hundred anew takes a fifth of a second."""
        while len(self._parts) < len(self._shown):
            part = _Part(self._kit, self.copied.emit, is_first=not self._parts)
            self._layout.insertWidget(len(self._parts), part)
            self._parts.append(part)
        for part, group in zip(self._parts, self._shown, strict=False):
            part.show_group(group)
        for part in self._parts[len(self._shown) :]:
            part.hide()


class _Part(QWidget):
    """One group: its title and a row a field."""

    def __init__(self, kit: Kit, copy: Callable[[str], None], *, is_first: bool) -> None:
        super().__init__()
        self._kit, self._copy = kit, copy
        self._rows: list[_Row] = []
        self._title = PlainLabel("", "caption")
        self._grid = QGridLayout()
        pad(kit, self._grid, gap="space.xs")
        self._grid.setColumnStretch(1, 1)
        layout = QVBoxLayout(self)
        pad(kit, layout, gap="space.s")
        if not is_first:
            layout.addWidget(rule())
        layout.addWidget(self._title)
        layout.addLayout(self._grid)

    def show_group(self, group: Group) -> None:
        self._title.setText(group.title)
        while len(self._rows) < len(group.fields):
            self._rows.append(_Row(self._kit, self._copy, self._grid, len(self._rows)))
        for row, field in zip(self._rows, group.fields, strict=False):
            row.show_field(field)
        for row in self._rows[len(group.fields) :]:
            row.hide()
        self.show()


class _Row:
    """Name, value with its source under it, and a button that copies the value."""

    def __init__(self, kit: Kit, copy: Callable[[str], None], grid: QGridLayout, at: int) -> None:
        self._kit, self._copy, self._grid, self._at = kit, copy, grid, at
        self._name = PlainLabel("", "muted")
        self._value = PlainLabel("", wrap=True)
        self._value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._source = PlainLabel("", "caption", lines=1)
        self._button: QToolButton | None = None
        cell = QVBoxLayout()
        pad(kit, cell, gap="")
        cell.addWidget(self._value)
        cell.addWidget(self._source)
        grid.addWidget(self._name, at, 0, Qt.AlignmentFlag.AlignTop)
        grid.addLayout(cell, at, 1)

    def show_field(self, field: Field) -> None:
        source = self._kit.i18n.tr("service.source", source=field.source)
        for label, text in ((self._name, field.label), (self._value, field.value), (self._source, source)):
            if label.words() != text:
                label.setText(text)
            label.show()
        if field.copies and self._button is None:
            self._button = self._copy_button()
            self._grid.addWidget(self._button, self._at, 2, Qt.AlignmentFlag.AlignTop)
        if self._button is not None:
            self._button.setVisible(field.copies)

    def hide(self) -> None:
        for widget in (self._name, self._value, self._source, self._button):
            if widget is not None:
                widget.hide()

    def _dress(self, button: QToolButton) -> None:
        side = self._kit.theme.px("size.icon_s")
        button.setIconSize(QSize(side, side))
        button.setIcon(self._kit.theme.icon("copy", "muted"))

    def _copy_button(self) -> QToolButton:
        button = QToolButton()
        button.setProperty("role", "quiet")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._kit.theme.bind(button, lambda: self._dress(button))
        button.setAccessibleName(self._kit.i18n.tr("service.act_copy"))
        button.clicked.connect(lambda: self._copy(self._value.words()))
        return button
