"""Layers as bytes and as directories: tar in, tar out, whiteouts, the merged view, compression. No idea of images.

A layer has two forms, and this room turns each into the other:

    tar form       a tar stream; a deleted name is an empty member ``.wh.name``, a replaced directory holds
                   ``.wh..wh..opq`` (OCI image-spec, layer.md)
    overlay form   a directory as the kernel's overlay file system keeps it; a deleted name is a character device
                   0/0, a replaced directory has the attribute ``trusted.overlay.opaque`` (``user.…`` when rootless)
"""
