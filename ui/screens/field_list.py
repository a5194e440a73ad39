"""All fields of an order with the system each comes from (MAP-01)."""

from __future__ import annotations

from collections.abc import Sequence

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
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_groups(self, groups: Sequence[Group], *, reset: bool = False) -> None:
        """Built anew only when something differs; ``reset`` goes back to the top."""
        if tuple(groups) != self._shown:
            at = 0 if reset else self.verticalScrollBar().value()
            self._shown = tuple(groups)
            self.setWidget(self._built())
            self.verticalScrollBar().setValue(at)
        elif reset:
            self.verticalScrollBar().setValue(0)

    def words(self) -> str:
        """All that is shown, a line a field."""
        return "\n".join(f"{f.label}: {f.value} ({f.source})" for g in self._shown for f in g.fields)

    def _built(self) -> QWidget:
        inner = QWidget()
        layout = QVBoxLayout(inner)
        pad(self._kit, layout, gap="space.s")
        for i, group in enumerate(self._shown):
            if i:
                layout.addWidget(rule())
            title = PlainLabel(group.title, "caption")
            layout.addWidget(title)
            grid = QGridLayout()
            pad(self._kit, grid, gap="space.xs")
            grid.setColumnStretch(1, 1)
            for at, field in enumerate(group.fields):
                self._add(grid, at, field)
            layout.addLayout(grid)
        layout.addStretch(1)
        return inner

    def _add(self, grid: QGridLayout, at: int, field: Field) -> None:
        top = Qt.AlignmentFlag.AlignTop
        name = PlainLabel(field.label, "muted")
        value = PlainLabel(field.value, wrap=True)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        source = PlainLabel(self._kit.i18n.tr("service.source", source=field.source), "caption", lines=1)
        cell = QVBoxLayout()
        pad(self._kit, cell, gap="")
        cell.addWidget(value)
        cell.addWidget(source)
        grid.addWidget(name, at, 0, top)
        grid.addLayout(cell, at, 1)
        if field.copies:
            grid.addWidget(self._copy_button(field.value), at, 2, top)

    def _copy_button(self, text: str) -> QToolButton:
        button = QToolButton()
        button.setProperty("role", "quiet")
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setIcon(self._kit.theme.icon("copy", "muted"))
        button.setIconSize(QSize(self._kit.theme.px("size.icon_s"), self._kit.theme.px("size.icon_s")))
        button.setAccessibleName(self._kit.i18n.tr("service.act_copy"))
        button.clicked.connect(lambda: self.copied.emit(text))
        return button
