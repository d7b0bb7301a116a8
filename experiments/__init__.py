"""One file per experiment: what it asks, the exact command, the hardware, the score to expect."""
