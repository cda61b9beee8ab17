"""What this program is for, and what its teaching set is: the sentences and marks that screens and exports carry."""

PURPOSE = "Research and teaching use. Not for diagnosis."

TEACHING_LINE = "Teaching set: trained on synthetic phantoms, never on patients"
"""Stands on every screen and in every export of the teaching set."""

MEANINGLESS_LINE = "Scores and maps of this film mean nothing."
"""Stands on the screen and in every export of a film that the networks cannot know."""

MEANINGLESS_MAP_LINE = "This score and this map mean nothing."
"""The same of one network's among others that can."""

PHANTOM_MARK = "Ensemble-CAM phantom"
"""By which a drawn film is known: the PNG text chunk `Software` and DICOM's Manufacturer begin with it."""

RESULT_MARK = "Ensemble-CAM result"
"""By which a DICOM object that this program wrote is known: its Manufacturer."""
