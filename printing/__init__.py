"""Papers: what stands on them, their dots and bytes, the printers, and the queue that prints each once.

``documents`` (pure models) -> ``raster`` (Qt draws dots) or text -> ``escpos`` (pure bytes)
-> ``spooler`` (one job in flight, at most once) -> ``transports`` (TCP 9100, file, USB/serial devices).
"""
