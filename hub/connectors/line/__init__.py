"""Between the folders of platforms and couriers and the one writer: queues, paces, retries, alarms."""
