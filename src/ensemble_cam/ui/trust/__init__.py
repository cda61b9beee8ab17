"""Whether a map can be trusted: the panel below a film, and the figures of all films of the session."""
