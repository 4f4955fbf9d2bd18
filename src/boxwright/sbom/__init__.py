"""What is in an image's file system: packages that databases and packages' own files tell of, and documents of them.

    inventory   one pass over the tree → packages
        dpkg, apk, rpm                 databases of distributions; distribution: which one it is; copyright: Debian's
        python, npm, golang            packages of languages
    package     a package as a value, and its purl; licence: what is said of its licence
    spdx, cyclonedx                    packages → a document
    statement   a document as an in-toto statement about an image

Files are read where the layers lie; nothing is mounted, and nothing of the image is run. None of it is believed:
every file has a limit, what isn't UTF-8 is replaced, and what can't be read is noted and left out.
"""
