"""`python -m ensemble_cam`: the command line."""

import sys

from ensemble_cam.cli import main

if __name__ == "__main__":
    sys.exit(main())
