"""Users of an OpenID provider: their ID tokens in place of a password.

settings      the section [oidc]
identity      whom a provider has proven
keys          the provider's keys, fetched and remembered
tokens        ID tokens: verified
identities    which identity is which account, in the database
teams         teams that follow the provider's groups
logins        an ID token in, an account out
exchange      the endpoints: what clients need to know, and an ID token for a personal access token
"""
