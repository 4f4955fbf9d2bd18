"""Changes of images, as pure functions: each returns a new image and leaves the old one as it is.

A changed image has another configuration, so it loses its manifest; its layers stay packed as they are.
"""

from __future__ import annotations

from boxwright.image.image import Image, InvalidImage, Layer
from boxwright.oci.config import History, ImageConfig, RunConfig
from boxwright.oci.platform import Platform


def scratch(platform: Platform) -> Image:
    """Return the empty image: no layers, no history, nothing to run."""
    return Image.of(ImageConfig(platform, RunConfig(), ()), ())


def with_config(image: Image, config: ImageConfig) -> Image:
    """Return the image with another configuration, which names the same layers. Raises InvalidImage."""
    return Image.of(config, image.layers)


def with_run_config(image: Image, run: RunConfig) -> Image:
    """Return the image with another way to run."""
    return with_config(image, image.config._replace(config=run))


def append(image: Image, layer: Layer, history: History) -> Image:
    """Return the image with a layer on top and its line of history, whose time becomes the image's."""
    config = image.config._replace(
        diff_ids=(*image.config.diff_ids, layer.diff_id),
        history=(*image.config.history, history._replace(empty_layer=False)),
        created=history.created or image.config.created,
    )
    return Image.of(config, (*image.layers, layer))


def append_empty(image: Image, history: History) -> Image:
    """Return the image with a line of history that stands for no layer, whose time becomes the image's."""
    config = image.config._replace(
        history=(*image.config.history, history._replace(empty_layer=True)),
        created=history.created or image.config.created,
    )
    return with_config(image, config)


def with_history(image: Image, history: tuple[History, ...]) -> Image:
    """Return the image with another history. It has to have a line for each layer, or none at all.

    Raises InvalidImage.
    """
    filled = sum(not entry.empty_layer for entry in history)
    if history and filled != len(image.layers):
        raise InvalidImage(f"its history has {filled} lines for {len(image.layers)} layers")
    return with_config(image, image.config._replace(history=history))
