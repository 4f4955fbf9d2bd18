"""The Dockerfile language: text in, frozen values out. Nothing here reads a file or knows a store.

source         texts, places in them, excerpts, and the errors that carry a place
directives     ``# escape=``, ``# syntax=``, ``# check=``
parser         lines → nodes: continuations joined, comments dropped, flags and arguments split
parse          nodes → instructions (values of `instructions`)
stages         instructions → stages, how they depend on each other, ``--target``
words          shell words: quotes, escapes, ``$x`` and ``${x…}``
expand         which fields of an instruction expand, and how
pattern        wildcards of one path component, as COPY and .dockerignore know them
ignore         .dockerignore
lint           what is allowed, but not advised
"""
