"""Where the bytes of blobs live. One contract (`base`), several places: a folder, the memory."""
