"""Signatures of images, as cosign makes them with keys: pure but for the arithmetic, which `cryptography` does.

    keys         keys in PEM; cosign's encrypted private keys
    secretbox    the box that those are locked in
    signatures   what is signed, and how it is written down: simple signing, sigstore's bundles
    policy       which repositories need whose signatures

Nothing in here speaks to a registry: `boxwright.engine.signing` does.
"""
