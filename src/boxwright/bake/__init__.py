"""The language of files that say what to build: docker-bake.hcl, docker-bake.json, compose files. Pure.

definition     files → targets, groups and variables

mistakes       errors, with the place in the file
syntax         the tree of a file: bodies, blocks, expressions
cursor         a place in a text that moves on: blanks, comments, names
expressions    text → expressions: operators, calls, for, splats
templates      text → templates: quoted strings, here-documents, ``${…}``, ``%{…}``
bodies         text → attributes and blocks
jsonfile       docker-bake.json → the same tree

values         values, their types, and how one becomes another
constraints    expression → type
evaluation     expression and scope → value
functions      what a file can call
variables      variables: defaults, what the environment says instead, validations
scope          what the names of some files mean together

compose        compose files → targets
yamlfile       YAML → values
interpolation  ``${NAME:-default}`` and ``.env``

entries        what targets say in fields: ``type=registry,ref=…``
targets        targets and groups, and how later words add to earlier ones
overrides      ``--set``
selection      names of a command line → the targets to build
"""
