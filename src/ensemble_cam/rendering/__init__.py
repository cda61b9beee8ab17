"""From numbers to pixels: maps as colours over the film, panels, printed pages, PNG."""
