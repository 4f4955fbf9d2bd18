"""The command line: a table of verbs, a module for each, imported when it is used.

A verb's module has ``configure(parser)``, which declares its arguments, and ``run(args, session)``, which calls the
engine and renders what it returns. No verb holds logic that a Python program would miss.
"""
