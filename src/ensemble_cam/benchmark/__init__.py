"""How long a review takes, and how the live viewer feels, on this machine."""
