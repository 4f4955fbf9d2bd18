"""Other registries, of which this one keeps what somebody asked for.

settings   what the configuration says of each
names      which of our names is which name there: pure
guard      whom an upstream may send us to
registry   asking one: what it says, and when it is better left alone
notes      when a tag was looked at, when a manifest was used: in the database
fetching   one blob from there, for everybody who waits for it, and into the storage
refreshing manifests from there
handlers   the protocol on top of these
expiry     forgetting what nobody uses
"""
