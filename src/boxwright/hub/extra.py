"""The packages that only the hub needs: whoever installed boxwright to build images does not have them."""

from __future__ import annotations

from importlib.util import find_spec

from boxwright.errors import UnavailableError


class HubExtraMissing(UnavailableError):
    """The packages that only the hub needs are not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"the registry needs the package {package}", hint="pip install 'boxwright[hub]'")
        self.package = package


def need(*packages: str) -> None:
    """Raise HubExtraMissing for the first of `packages` that is not there. Loads none of them."""
    for package in packages:
        if find_spec(package) is None:
            raise HubExtraMissing(package)
