"""Versions of the outbox. There is no way down: a newer file is refused, never changed."""
