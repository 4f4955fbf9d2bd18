"""A document as an in-toto statement: what it says, and the manifest that it says it of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from boxwright.oci.digest import Digest

MEDIA_TYPE = "application/vnd.in-toto+json"
PREDICATE_ANNOTATION = "in-toto.io/predicate-type"
_TYPE = "https://in-toto.io/Statement/v1"


def statement(names: Sequence[str], manifest: Digest, predicate_type: str, predicate: object) -> bytes:
    """Return a statement about a manifest, under each of its names, or without one."""
    algorithm, _, digits = manifest.partition(":")
    subjects: list[dict[str, Any]] = [{"name": name, "digest": {algorithm: digits}} for name in names or ("_",)]
    value = {"_type": _TYPE, "predicateType": predicate_type, "subject": subjects, "predicate": predicate}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")
