"""The networks' weights: where they lie, how they are fetched, and how a file is read without running what is in it."""
