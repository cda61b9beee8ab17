"""The networks that score a film, each cut into a backbone and a head, and what runs them."""
