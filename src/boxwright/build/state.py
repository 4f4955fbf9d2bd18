"""The image as it is between two steps, and the configuration that becomes of it."""

from __future__ import annotations

from boxwright.build import metadata
from boxwright.build.planned import BaseImage, PlannedStage, Step
from boxwright.oci.config import History, ImageConfig, RunConfig
from boxwright.oci.digest import ChainID, DiffID, Digest
from boxwright.oci.platform import Platform
from boxwright.values import NamedTuple


class ImageState(NamedTuple):
    platform: Platform
    config: RunConfig
    author: str
    chain: ChainID | None
    diff_ids: tuple[DiffID, ...]
    history: tuple[History, ...]
    created: str
    """RFC 3339; empty as long as there is nothing."""
    lineage: str
    """What came before, as one name: the time of a step that changes metadata only is remembered by it."""
    cached: bool
    """Everything so far came from the cache."""
    image: Digest | None
    """The image of exactly this state, where one is known."""
    made_by: int
    """The number of the step that made the topmost layer; of FROM, where it came with the image."""
    anew: int = 0
    """The number of the step that was done anew last, if the cache has answered no step since; else 0. Steps that
    change metadata only don't count."""

    @classmethod
    def start(cls, stage: PlannedStage) -> ImageState:
        """Return the state of a stage that starts from an image or from nothing."""
        if stage.image is None:
            return cls(stage.platform, stage.start, "", None, (), (), "", "scratch", True, None, stage.first)
        base: BaseImage = stage.image
        config = base.config
        return cls(
            config.platform,
            stage.start,
            config.author,
            base.chain,
            config.diff_ids,
            config.history,
            config.created,
            base.id,
            True,
            base.id,
            stage.first,
        )

    def branch(self, stage: PlannedStage) -> ImageState:
        """Return the state of a stage that starts from the stage of which this is the end."""
        return self._replace(config=stage.start)

    def after(
        self, step: Step, lineage: str, created: str, *, cached: bool, layer: tuple[ChainID, DiffID] | None = None
    ) -> ImageState:
        """Return the state after a step, with the layer that it made, if it made one."""
        told = (History(created, step.history, "", metadata.COMMENT, layer is None),) if step.history else ()
        return self._replace(
            config=step.config,
            author=step.author,
            chain=self.chain if layer is None else layer[0],
            diff_ids=self.diff_ids if layer is None else (*self.diff_ids, layer[1]),
            history=(*self.history, *told),
            created=created,
            lineage=lineage,
            cached=self.cached and cached,
            image=None,
            made_by=self.made_by if layer is None else step.number,
            anew=self.anew if step.action is None else 0 if cached else step.number,
        )

    def image_config(self) -> ImageConfig:
        return ImageConfig(self.platform, self.config, self.diff_ids, self.history, self.created, self.author)
