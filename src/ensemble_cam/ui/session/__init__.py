"""What one browser session holds: its films and the one on the stage, the work under way, what was chosen."""
