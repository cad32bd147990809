"""Run `python -m firstloan`."""

import sys

from firstloan.cli import main

if __name__ == "__main__":
    sys.exit(main())
