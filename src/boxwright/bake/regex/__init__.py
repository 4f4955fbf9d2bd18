"""Regular expressions as Go has them, in time that a text's length bounds: no pattern makes it run away.

parser      a pattern → a program
program     what programs are made of, and put together
characters  which characters a piece of a pattern takes
machine     a program and a text → matches
"""
