"""What the package offers to programs, by name: a change here is a change for everyone who uses it."""

from __future__ import annotations

import boxwright


def test_the_package_offers_what_it_says() -> None:
    assert boxwright.__all__ == [
        "BoxwrightError",
        "Build",
        "CreateContainer",
        "Engine",
        "Expand",
        "Image",
        "Mount",
        "Settings",
        "__version__",
    ]
    for name in boxwright.__all__:
        assert getattr(boxwright, name)
