"""The page of a network of the reader's own."""
