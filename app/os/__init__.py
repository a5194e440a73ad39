"""What differs by operating system: the lock of a data folder, a clock that counts sleep, free disk space."""
