"""Everything that boxwright keeps: blobs, snapshots, images, containers, volumes, networks and the build cache.

`boxwright.store.store.Store` is the door. The format on disk and what survives what is in docs/design/store.md.
"""
