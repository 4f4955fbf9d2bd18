from __future__ import annotations

import pytest

from boxwright.image import mutate
from boxwright.image.image import Image, InvalidImage, validated
from boxwright.oci import media
from boxwright.oci.config import History, RunConfig
from boxwright.oci.digest import Digest
from boxwright.oci.manifest import Descriptor, Manifest
from support.images import AMD64, MemoryLayer, layer_tar, memory_image

LOWER = MemoryLayer(layer_tar({"a": b"1"}), packing="gzip")
UPPER = MemoryLayer(layer_tar({"b": b"2"}), packing="gzip")


def test_the_id_is_the_digest_of_the_configuration() -> None:
    image = memory_image(LOWER)
    assert image.id == Digest.of(image.config_bytes) == Digest.of(image.config.to_bytes())


def test_layers_have_to_be_those_that_are_named() -> None:
    config = memory_image(LOWER, UPPER).config
    with pytest.raises(InvalidImage, match="names 2 layers, 1 are there"):
        Image.of(config, (LOWER,))
    with pytest.raises(InvalidImage, match="layer 1 is"):
        Image.of(config, (UPPER, LOWER))


def test_a_manifest_has_to_be_that_of_the_image() -> None:
    image = memory_image(LOWER, with_manifest=True)
    assert validated(image) is image
    other = Descriptor(media.OCI_CONFIG, Digest.of(b"other"), 5)
    assert image.manifest is not None
    with pytest.raises(InvalidImage, match="names another configuration"):
        validated(image._replace(manifest=Manifest.build(other, image.manifest.layers)))
    doubled = Manifest.build(image.manifest.config, image.manifest.layers * 2)
    with pytest.raises(InvalidImage, match="its manifest has 2 layers"):
        validated(image._replace(manifest=doubled))


def test_changes_leave_the_old_image_as_it_is() -> None:
    image = memory_image(LOWER, with_manifest=True)
    before = image
    mutate.append(image, UPPER, History("2025-01-01T00:00:00Z", "RUN x"))
    mutate.with_run_config(image, RunConfig(cmd=("other",)))
    mutate.append_empty(image, History("2025-01-01T00:00:00Z", "ENV x"))
    assert image == before
    assert image.manifest is not None


def test_appending_adds_a_layer_its_history_and_its_time() -> None:
    image = mutate.append(memory_image(LOWER), UPPER, History("2025-01-01T00:00:00Z", "RUN x", empty_layer=True))
    assert image.layers == (LOWER, UPPER)
    assert image.config.diff_ids == (LOWER.diff_id, UPPER.diff_id)
    assert image.config.history[-1] == History("2025-01-01T00:00:00Z", "RUN x")
    assert image.config.created == "2025-01-01T00:00:00Z"
    assert image.manifest is None


def test_a_line_of_history_may_stand_for_no_layer() -> None:
    image = mutate.append_empty(memory_image(LOWER), History("2025-01-01T00:00:00Z", "ENV x"))
    assert image.layers == (LOWER,)
    assert image.config.history[-1].empty_layer
    assert mutate.append_empty(image, History()).config.created == "2025-01-01T00:00:00Z"


def test_another_way_to_run_is_another_image() -> None:
    image = memory_image(LOWER, with_manifest=True)
    changed = mutate.with_run_config(image, RunConfig(cmd=("other",)))
    assert changed.config.config.cmd == ("other",)
    assert changed.id != image.id
    assert changed.manifest is None


def test_history_has_a_line_for_each_layer_or_none() -> None:
    image = memory_image(LOWER, UPPER)
    assert mutate.with_history(image, ()).config.history == ()
    with pytest.raises(InvalidImage, match="1 lines for 2 layers"):
        mutate.with_history(image, (History("", "RUN x"), History("", "ENV x", empty_layer=True)))


def test_scratch_is_empty() -> None:
    image = mutate.scratch(AMD64)
    assert image.layers == ()
    assert image.config.platform == AMD64
