"""The page that shows how a map is made, step by step."""
