"""Stand-ins that speak the true protocols (courier, printer) and the scripted shift. Loopback only."""
