"""The language of files that say what to build: docker-bake.hcl and docker-bake.json. Pure.

mistakes     errors, with the place in the file
syntax       the tree of a file: bodies, blocks, expressions
cursor       a place in a text that moves on: blanks, comments, names
expressions  text → expressions: operators, calls, for, splats
templates    text → templates: quoted strings, here-documents, ``${…}``, ``%{…}``
bodies       text → attributes and blocks
jsonfile     docker-bake.json → the same tree
values       values, their types, and how one becomes another
evaluation   expression and scope → value
functions    what a file can call
"""
