"""What a server can be told: by flags, and by one file whose sections have an owner each.

To add a section: a NamedTuple with defaults and a function ``Section -> NamedTuple`` beside the code that it is about,
a field of `HubSettings`, and a line in `load_settings`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from boxwright.hub.accounts.oidc.settings import OIDCSettings, read_oidc
from boxwright.hub.accounts.settings import AccountSettings, read_accounts
from boxwright.hub.configfile import read_file
from boxwright.hub.db.settings import DatabaseSettings, read_database
from boxwright.hub.edge.limits import LimitSettings, read_limits
from boxwright.hub.edge.tls import TLSSettings, read_tls
from boxwright.hub.events.settings import WebhookSettings, read_webhooks
from boxwright.hub.observe.settings import LogSettings, MetricsSettings, read_log, read_metrics
from boxwright.hub.registry.settings import (
    AuthSettings,
    GarbageSettings,
    ServerSettings,
    read_auth,
    read_garbage,
    read_server,
)
from boxwright.hub.storage.settings import StorageSettings, read_storage
from boxwright.hub.upstream.settings import UpstreamSettings, read_upstreams
from boxwright.values import NamedTuple

_S = TypeVar("_S", bound=NamedTuple)


class HubSettings(NamedTuple):
    """All of them, section by section."""

    server: ServerSettings = ServerSettings()
    tls: TLSSettings = TLSSettings()
    limits: LimitSettings = LimitSettings()
    database: DatabaseSettings = DatabaseSettings()
    auth: AuthSettings = AuthSettings()
    accounts: AccountSettings = AccountSettings()
    oidc: OIDCSettings = OIDCSettings()
    gc: GarbageSettings = GarbageSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    webhooks: WebhookSettings = WebhookSettings()
    storage: StorageSettings = StorageSettings()
    upstreams: tuple[UpstreamSettings, ...] = ()


def load_settings(path: Path | None) -> HubSettings:
    """Read a configuration file; None is an empty one. Raises InvalidSetting."""
    if path is None:
        return HubSettings()
    file = read_file(path)
    settings = HubSettings(
        server=read_server(file.section("server")),
        tls=read_tls(file.section("tls")),
        limits=read_limits(file.section("limits")),
        database=read_database(file.section("database")),
        auth=read_auth(file.section("auth")),
        accounts=read_accounts(file.section("accounts")),
        oidc=read_oidc(file.section("oidc")),
        gc=read_garbage(file.section("gc")),
        log=read_log(file.section("log")),
        metrics=read_metrics(file.section("metrics")),
        webhooks=read_webhooks(file.section("webhooks")),
        storage=read_storage(file.section("storage")),
        upstreams=read_upstreams(file.sections("upstream")),
    )
    file.finish()
    return settings


def override(section: _S, **flags: Any) -> _S:
    """Return a section with what flags say in place of what the file says; a flag that is None was not given."""
    return section._replace(**{name: value for name, value in flags.items() if value is not None})
