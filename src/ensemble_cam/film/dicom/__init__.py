"""DICOM: the file, what its header says, its pixels, and the film that they make together."""
