"""Who may do what with which repository: accounts, organisations, tokens, and the issuer of docker's token protocol.

names         what accounts, teams and repositories may be called, and whose a repository is
roles         the permission model: facts in, a role out
scopes        what clients ask for (``repository:a/b:pull,push``)
personal      personal access tokens: how they look, how they are kept
passwords     argon2
keys          what access tokens are signed with
bearer        access tokens: signed, verified
"""
