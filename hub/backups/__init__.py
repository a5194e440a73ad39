"""Backups of a hub: one file that brings it back on any machine, and the way back (design 3.11)."""
