"""Archives of films: what lies there is found, fetched, and a review's objects are sent, by DICOMweb."""
