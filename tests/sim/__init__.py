"""The simulated world: hub, stations, platform and people in one thread, on one clock, from one seed (README.md)."""
