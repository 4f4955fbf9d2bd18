"""Ports for tests that need to know one before it is listened on."""

from __future__ import annotations

import random
import socket

# Below the range from which the kernel gives ports to those who name none, other tests' connections among them.
_OWN = range(20000, 32000)


def free_port() -> int:
    """Return a port that nothing has, and that nothing is given unless it asks for it."""
    while True:
        port = random.SystemRandom().choice(_OWN)
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue  # somebody has it
            return port
