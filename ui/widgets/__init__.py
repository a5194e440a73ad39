"""The building blocks of every screen. Each file holds one widget and knows nothing of orders.

| need | take |
|---|---|
| any text from outside (remarks, names, titles) | `PlainLabel`: never reads HTML |
| a group of things | `Card` |
| a state in one word | `StateChip`: colour, shape and word |
| something to press | `BigButton`: 48 px and up, key cap, locks itself |
| "2 / 3" | `CounterLabel` |
| time running out | `DeadlineLabel` |
| what went wrong, what went well | `MessageBar`: errors stay until confirmed |
| the honest line at the foot | `Strip` of `StripItem` |
| stop the hand | `Alarm` with `AlarmView`: every window, every monitor |
| nothing here yet | `EmptyState`: teaches the first step |
| what happened, in order | `StoryView` of `StoryEntry` |
| many rows | `PagedTable` over `PagedModel` |
| a search box | `SearchField` |
| margins and gaps | `pad`, `row`, `column`, `rule` of `ui.widgets.layout` |
"""
