"""The hub: an OCI registry, and in time accounts, pages and automated builds around it.

    storage    where the bytes of blobs live
    db         what is known about them: repositories, tags, manifests, uploads
    registry   the distribution protocol on top of both
    upstream   other registries, of which copies are kept

This package imports nothing: the server (aiohttp) is loaded when it is started.
"""
