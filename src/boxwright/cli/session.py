"""What a verb gets beside its arguments: an engine, opened when it is first asked for."""

from __future__ import annotations

import os
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boxwright.engine.engine import Engine
    from boxwright.engine.settings import Settings


class Session:
    """One run of the command. Leaving it closes the engine."""

    def __init__(self, *, root: str | None = None, config: str | None = None) -> None:
        self._root = root
        self._config = config
        self._engine: Engine | None = None
        self._overrides: dict[str, Any] = {}

    def override(self, **settings: Any) -> None:
        """Have options of the verb go before the settings of the same name; before the engine is asked for."""
        assert self._engine is None, "the engine has its settings"
        self._overrides.update(settings)

    @property
    def engine(self) -> Engine:
        """The engine on the store that ``--root``, the environment or the configuration file names."""
        if self._engine is None:
            from boxwright.engine.engine import Engine

            self._engine = Engine(self.settings)
        return self._engine

    @property
    def settings(self) -> Settings:
        """What the environment, the configuration file and the options before the verb say."""
        from boxwright.engine.settings import Settings

        # The one place where the environment is read: the engine itself takes values.
        return Settings.load(os.environ, root=self._root, config=self._config)._replace(**self._overrides)

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine is not None:
            self._engine.close()
