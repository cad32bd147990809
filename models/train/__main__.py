"""Run `python -m models.train`."""

from models.train.cli import main

if __name__ == "__main__":
    main()
