"""Keeping repositories alike: between registries, and between registries and folders.

versions     versions in tags: their order, and ranges of them
selection    which tags of a repository a rule means
rules        what is to be mirrored, from flags or from a file
ends         registries and folders, and the repositories in them
mirror       doing it
"""
