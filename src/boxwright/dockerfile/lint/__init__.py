"""What is allowed, but not advised. BuildKit's rules carry their names, so that ``# check=skip=`` means the same.

`rule` says what a rule is; each family of rules is a module; `rules` lists them all; `runner` asks them.
"""
