"""A classifier of one's own, trained on pictures in folders; it can be explained, and put into a set."""
