"""``python -m photoqueue`` is the command ``photoqueue``."""

from photoqueue.cli import main

if __name__ == "__main__":
    main()
