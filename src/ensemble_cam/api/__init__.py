"""The public face, `import ensemble_cam as ec`: films and their reviews from Python.

The package's `__all__` names what is promised.
"""
