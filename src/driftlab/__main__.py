"""`python -m driftlab` is `driftlab`."""

import sys

from driftlab.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
