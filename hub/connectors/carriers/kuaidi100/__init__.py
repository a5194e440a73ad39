"""kuaidi100, an aggregator: most couriers of China behind one door. See README.md."""
