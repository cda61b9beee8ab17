"""`python -m ensemble_cam.cli`: the command line."""

import sys

from ensemble_cam.cli import main

if __name__ == "__main__":
    sys.exit(main())
