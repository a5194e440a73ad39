"""What the screens show, made without Qt: functions from the core's values to frozen views full of finished words.

Each function takes :class:`ui.present.words.Words` (the texts in one language) and, where time is shown, ``now``.
A widget copies the fields of a view; a switch of language makes the view anew.
"""
