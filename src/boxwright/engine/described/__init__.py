"""Images described in Python: what a Dockerfile says, as calls.

image      `Image`, the description; every call returns a new one
mount      `Mount`, what a RUN sees beside the image's own files
line       one instruction, and the images that it names
callers    where in whose Python file an instruction was written
assembly   an Image and those that it needs → a Dockerfile, as a value and as a text
"""
