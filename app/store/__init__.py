"""The station's two files: ``cache.sqlite`` is a copy and may go any time, ``outbox.sqlite`` is ours (design 3.5)."""
