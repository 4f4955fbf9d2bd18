"""The client of registries: pull, push, login, and the protocol under them (distribution-spec, docker's token flow).

    pull · push · login                   use-cases over the store and the keychain
    connect                               the parts put together for a command
    client                                one registry: manifests, tags, blobs
    download · upload                     one blob's bytes, resumed when a connection breaks
    authorization · session               who asks; a request with its retries, redirects and tokens
    transport                             one HTTP exchange over pooled connections
    challenge · headers · failure         pure: what the wire says, as values
    endpoint · proxy · credentials        pure, or small: where to connect, how, and as whom

Nothing in here prints, asks or decides by the text of a message. No command but those that speak to a registry
imports this room.
"""
