"""``python -m boxwright``."""

from boxwright.cli.main import entry

if __name__ == "__main__":
    entry()
