"""The review of one film, as numbers: scores, maps, findings, and what has to be said beside them."""
