"""Let ``python -m brianbridge`` be the command line."""

import sys

from .cli import main

sys.exit(main())
