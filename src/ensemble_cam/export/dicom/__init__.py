"""A review as DICOM objects for the film's own study: Secondary Capture, report, segmentation, presentation state."""
