"""Cache keys: canonical JSON documents that name everything a step's result depends on, and their digest.

A document is stored beside its key, so that a rebuild can be explained field by field. Parents take part through the
ChainID of their layers, other stages and the context through a digest of the files that are copied: something that
was rebuilt with the same bytes makes no difference to what comes after it. Metadata that no file depends on (CMD,
LABEL, EXPOSE …) is in no key at all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from boxwright.hashes import hexdigest
from boxwright.values import NamedTuple

VERSION = 1
"""Goes up when the same document would give other files than before: older results are then never found."""


class StepKey(NamedTuple):
    key: str
    """64 hex digits."""
    document: str
    """The JSON text whose digest the key is."""


def step_key(fields: Mapping[str, Any]) -> StepKey:
    """Return the key of what `fields` describe: strings, numbers, booleans, None, and lists and mappings of these.

    Field names and lengths are part of the document's syntax, so two different descriptions never read alike.
    """
    return document_key({**fields, "v": VERSION})


def document_key(document: Mapping[str, Any]) -> StepKey:
    """Return the key of a whole document, its version with it: one that comes from elsewhere, or was kept."""
    text = canonical(document)
    return StepKey(hexdigest(text.encode()), text)


def canonical(value: object) -> str:
    """Return the one JSON text of a value: members sorted, no blanks, ASCII (a lone surrogate is kept as an escape)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def slot(*parts: object) -> str:
    """Return the name of a place in a build that stays the same while what is built there changes."""
    return hexdigest(canonical(parts).encode())
