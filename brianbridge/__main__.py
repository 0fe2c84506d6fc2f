"""Let ``python -m brianbridge`` be the command line."""

import sys

from brianbridge.cli import main

sys.exit(main())
