"""How far maps and networks can be trusted."""
