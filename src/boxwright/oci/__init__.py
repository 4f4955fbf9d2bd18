"""Pure values of the OCI and Docker specifications: frozen, parsed once at the edge, never performing I/O.

Values are named tuples, not dataclasses: creating the classes is part of every start of the command, and a named
tuple class costs a sixth of a dataclass. Import the module that holds the noun; this package imports nothing.
"""
