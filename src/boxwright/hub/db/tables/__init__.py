"""Every table of the hub, one module an aggregate. Importing this package makes `base.metadata` complete."""

from boxwright.hub.db.tables import accounts as accounts
from boxwright.hub.db.tables import audit as audit
from boxwright.hub.db.tables import events as events
from boxwright.hub.db.tables import leases as leases
from boxwright.hub.db.tables import life as life
from boxwright.hub.db.tables import records as records
from boxwright.hub.db.tables import registry as registry
from boxwright.hub.db.tables import upstreams as upstreams
from boxwright.hub.db.tables.base import metadata as metadata
