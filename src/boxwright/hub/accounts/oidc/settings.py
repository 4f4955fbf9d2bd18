"""The section [oidc]: whose users may log in beside the hub's own."""

from __future__ import annotations

from boxwright.hub.configfile import Section
from boxwright.remote.issuer import InvalidIssuer, check_issuer
from boxwright.values import NamedTuple


class GroupTeam(NamedTuple):
    """[[oidc.team]]: who is in a group of the provider's is in a team."""

    group: str
    team: str
    """``organisation/team``."""


class OIDCSettings(NamedTuple):
    """[oidc]: an OpenID provider. Without an issuer there is none."""

    issuer: str = ""
    """Its URL, as in its tokens."""
    client_id: str = "boxwright"
    """As what the hub is registered there: a public client, with the device authorization grant."""
    audience: str = ""
    """Whom tokens must be for (``aud``); "": the client id."""
    username_claim: str = "preferred_username"
    """The claim that a new account is named after."""
    create: bool = False
    """Make an account when somebody logs in who has none."""
    lifetime: float = 86400.0
    """Seconds for which what is got with an ID token is good."""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    """What `boxwright login --oidc` asks the provider for."""
    groups_claim: str = "groups"
    """The claim that lists somebody's groups."""
    teams: tuple[GroupTeam, ...] = ()
    """Teams that follow groups."""

    @property
    def wanted_audience(self) -> str:
        return self.audience or self.client_id


NO_OIDC = OIDCSettings()


def read_oidc(section: Section) -> OIDCSettings:
    """Raises InvalidSetting."""
    default = OIDCSettings()
    issuer = section.text("issuer", "")
    try:
        issuer = check_issuer(issuer) if issuer else ""
    except InvalidIssuer as error:
        raise section.error("issuer", f"is an {error.message}", hint=error.hint) from None
    scopes = section.texts("scopes", default.scopes)
    if "openid" not in scopes or any(" " in scope for scope in scopes):
        raise section.error("scopes", 'is a list of words with "openid" among them')
    return OIDCSettings(
        issuer=issuer,
        client_id=section.text("client-id", default.client_id),
        audience=section.text("audience", default.audience),
        username_claim=section.text("username-claim", default.username_claim),
        create=section.flag("create", default.create),
        lifetime=section.duration("lifetime", default.lifetime),
        scopes=scopes,
        groups_claim=section.text("groups-claim", default.groups_claim),
        teams=tuple(_team(one) for one in section.sections("team")),
    )


def _team(section: Section) -> GroupTeam:
    group, team = section.text("group", ""), section.text("team", "")
    if not group:
        raise section.error("group", "is missing")
    organisation, slash, name = team.partition("/")
    if not organisation or not slash or not name:
        raise section.error("team", "is ORGANISATION/TEAM")
    return GroupTeam(group, team)
