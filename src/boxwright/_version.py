"""The version, in a module of its own: importing it brings no room along."""

__version__ = "0.1.0"
