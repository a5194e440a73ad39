"""The wire from the station's side: PROTOCOL.md is its full text. ``sync.link.connect`` joins it to a station."""
