"""The machine that the program runs on: its threads, its memory, the terminal, and work side by side."""
