"""How PyTorch's threads wait for one another."""

import os


def wait_passively() -> None:
    """Let OpenMP's threads sleep while they wait; takes effect only before PyTorch is imported.

    By default they spin. Where anything else wants a core, the spinning threads keep it from the one they wait for, at
    every step of a network: on two cores beside a busy browser, a review took 15 s instead of 1.4 s. A choice that
    the user made in the environment stands.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
