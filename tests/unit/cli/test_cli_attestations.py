"""What is to be said of an image, as the command line says it."""

from __future__ import annotations

import pytest

from boxwright.cli.attestations import attestations
from boxwright.cli.parsing import UsageError

Said = tuple[str | None, str | None, list[str]]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((None, None, []), (None, None)),
        (("true", "true", []), ("spdx", "min")),
        (("1", "0", []), ("spdx", None)),
        (("false", "mode=max", []), (None, "max")),
        (("cyclonedx", "max", []), ("cyclonedx", "max")),
        (("format=cyclonedx", "true,mode=max", []), ("cyclonedx", "max")),
        ((None, None, ["type=sbom", "type=provenance,mode=max"]), ("spdx", "max")),
        ((None, None, ["type=sbom,format=cyclonedx", "type=sbom,disabled=true"]), (None, None)),
        (("true", "false", ["type=sbom,disabled=true", "type=provenance"]), ("spdx", None)),
    ],
)
def test_what_is_wanted(said: Said, expected: tuple[str | None, str | None]) -> None:
    assert attestations(*said) == expected


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (("maybe", None, []), "--sbom=maybe: 'maybe' is not understood"),
        ((None, "mode=all", []), "--provenance=mode=all: unknown mode 'all'"),
        ((None, "spdx", []), "--provenance=spdx: unknown option 'format'"),
        (("generator=docker/scout", None, []), "--sbom=generator=docker/scout: another generator is not supported"),
        ((None, None, ["sbom"]), "--attest sbom: 'sbom' is not understood"),
        ((None, None, ["type=vex"]), "--attest type=vex: unknown type 'vex'"),
        ((None, None, ["type=sbom,disabled=x"]), "--attest type=sbom,disabled=x: disabled=x is neither true nor false"),
    ],
)
def test_what_is_not_understood(said: Said, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        attestations(*said)
    assert caught.value.message == message
