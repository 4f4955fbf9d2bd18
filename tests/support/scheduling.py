"""How tests are shared out to the processes of pytest-xdist: by the file, and what asks docker as one."""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

_TOGETHER = "tests/compat"


class FolderScheduling(LoadFileScheduling):
    """A file goes to one process, since its tests share what its fixtures made; so does the whole folder of the peers,
    whose tests share docker's daemon and what it has built.

    In the order of their names: the long ones (compat, crash, integration) come first, and the many short ones of
    `tests/unit` fill up what is left, so that the processes end at the same time.
    """

    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return _TOGETHER if nodeid.startswith(f"{_TOGETHER}/") else nodeid.partition("::")[0]
