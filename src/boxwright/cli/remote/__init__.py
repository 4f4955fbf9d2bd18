"""The commands of ``registry`` that look into registries and change them, a module each.

A module has `declare`, which adds the command to the group, and `run`, as a verb's module has.
"""
