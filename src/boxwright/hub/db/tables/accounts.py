"""Accounts and what they may do.

account ──< account_token                            users, organisations, robots; what stands in for a password
   │  └──< membership >── account                    users in organisations, some of them owners
   │  └──< team ──< team_member >── account
   ├──< access_grant >── team                        a role for either of the two on what a pattern covers
   └──< identity                                     who it is to an OpenID provider
repository_profile                                   what somebody said of a repository; content or not
signing_key, login_failure                           what all servers of a hub have to know together
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from boxwright.hub.db.tables.base import Key, Name, Seconds, metadata

account = Table(
    "account",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Name, nullable=False, unique=True),
    Column("kind", Name, nullable=False),
    # Of a robot: whose it is.
    Column("owner_id", Key, ForeignKey("account.id", ondelete="CASCADE"), index=True),
    Column("password", Text),
    Column("administrator", Boolean, nullable=False),
    Column("curator", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    # Whether new repositories of the namespace are for everybody.
    Column("public", Boolean, nullable=False),
    Column("created", Seconds, nullable=False),
)

membership = Table(
    "membership",
    metadata,
    Column("organisation_id", Key, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Key, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("owner", Boolean, nullable=False),
)

team = Table(
    "team",
    metadata,
    Column("id", Key, primary_key=True),
    Column("organisation_id", Key, ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("name", Name, nullable=False),
    UniqueConstraint("organisation_id", "name"),
)

team_member = Table(
    "team_member",
    metadata,
    Column("team_id", Key, ForeignKey("team.id", ondelete="CASCADE"), primary_key=True),
    Column("account_id", Key, ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, index=True),
)

access_grant = Table(
    "access_grant",
    metadata,
    Column("id", Key, primary_key=True),
    Column("account_id", Key, ForeignKey("account.id", ondelete="CASCADE")),
    Column("team_id", Key, ForeignKey("team.id", ondelete="CASCADE")),
    Column("pattern", Name, nullable=False, index=True),
    Column("role", Integer, nullable=False),
    UniqueConstraint("account_id", "pattern"),
    UniqueConstraint("team_id", "pattern"),
)

repository_profile = Table(
    "repository_profile",
    metadata,
    Column("name", Name, primary_key=True),
    Column("public", Boolean, nullable=False),
    Column("description", Text, nullable=False),
    Column("created", Seconds, nullable=False),
)

account_token = Table(
    "account_token",
    metadata,
    Column("id", Key, primary_key=True),
    Column("account_id", Key, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Name, nullable=False),
    Column("name", Name, nullable=False),
    Column("fingerprint", Name, nullable=False, unique=True),
    # Lists with commas between; an empty list of patterns limits nothing.
    Column("actions", Text, nullable=False),
    Column("patterns", Text, nullable=False),
    Column("created", Seconds, nullable=False),
    Column("expires", Seconds),
    Column("used", Seconds),
    # What stands for the password in a file that this one was got with: it is good as long as that stays.
    Column("basis", Text),
    # The token that this one was got with, which takes it along when it goes.
    Column("parent_id", Key, ForeignKey("account_token.id", ondelete="CASCADE"), index=True),
)
Index(
    "account_token_name",
    *(account_token.c.account_id, account_token.c.name),
    unique=True,
    sqlite_where=text("kind = 'personal'"),
    postgresql_where=text("kind = 'personal'"),
)

identity = Table(
    "identity",
    metadata,
    # Of a provider, which gives a subject to one person for ever.
    Column("issuer", Name, primary_key=True),
    Column("subject", Name, primary_key=True),
    Column("account_id", Key, ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created", Seconds, nullable=False),
    sqlite_with_rowid=False,
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("kid", Name, primary_key=True),
    Column("jwk", Text, nullable=False),
    Column("created", Seconds, nullable=False),
)

login_failure = Table(
    "login_failure",
    metadata,
    Column("subject", Name, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last", Seconds, nullable=False, index=True),
)
