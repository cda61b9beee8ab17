"""All that leaves the program: overlays, the figure, `review.json`, and where each of them comes from."""
