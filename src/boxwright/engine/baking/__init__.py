"""Building all that a bake file says.

reading      files and the environment → the targets that are wanted
permission   what a file may ask for that a command line has to allow
jobs         target → what is to be built
running      all of it at once
"""
