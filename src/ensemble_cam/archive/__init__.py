"""Many films: read ahead, shown to the networks, written behind; finished reviews are passed over."""
