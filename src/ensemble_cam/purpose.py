"""What this program is for: the sentence that every screen and every export carries."""

PURPOSE = "Research and teaching use. Not for diagnosis."
