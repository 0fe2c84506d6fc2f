"""Run the command line as ``python -m brianbridge``."""

import sys

from brianbridge.cli import main

sys.exit(main())
