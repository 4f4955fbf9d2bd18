"""The registry: the OCI distribution protocol, version 1.1, over a blob storage and a metadata store.

server        sockets, signals, options: what ``boxwright registry serve`` runs
http          aiohttp requests ↔ calls and replies; the only other module that knows aiohttp
application   one call in, one reply out: names, credentials, errors → statuses
blobs uploads manifests listings    one resource each
sessions      uploads between their requests: locks, offsets, running hashes
workers       the bounded door from the event loop to threads
routes ranges paging document       pure functions over what a client sent
call errors   the values that pass between them
"""
