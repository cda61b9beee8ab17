"""What this program is for, and what its teaching set is: the sentences and marks that screens and exports carry."""

PURPOSE = "Research and teaching use. Not for diagnosis."

TEACHING_LINE = "Teaching set: trained on synthetic phantoms, never on patients"
"""Stands on every screen and in every export of the teaching set."""

PHANTOM_MARK = "Ensemble-CAM phantom"
"""By which a drawn film is known: the PNG text chunk `Software` and DICOM's Manufacturer begin with it."""
