"""The outputs of one build: what was built is claimed, and written, tagged and pushed once all of it is there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from boxwright.build.product import Product, Taker
from boxwright.build.progress import Delivered, Delivering, Sink
from boxwright.engine.outputs.spec import STDOUT, Output
from boxwright.engine.outputs.terms import Terms
from boxwright.errors import InvalidError, UnsupportedError
from boxwright.host.paths import Path
from boxwright.image.form import Form
from boxwright.oci.platform import Platform
from boxwright.oci.reference import Reference
from boxwright.store.publications import Publication

if TYPE_CHECKING:
    from boxwright.engine.settings import Settings
    from boxwright.image.image import Image
    from boxwright.image.oci_layout import Indexed, Packed
    from boxwright.oci.manifest import Descriptor
    from boxwright.store.store import Store


def check(outputs: Sequence[Output], terms: Terms) -> None:
    """Refuse what cannot be delivered, before anything is built. Raises InvalidError, UnsupportedError."""
    for output in outputs:
        if output.type == "docker" and output.dest and terms.indexed:
            raise UnsupportedError(
                "docker's archives hold one platform", hint="use type=oci, or build for one platform"
            )
        if output.push and not (output.names or terms.tags):
            raise InvalidError("a name is needed to push to a registry", hint="use -t name:tag")
        if output.dest == STDOUT and terms.stdout is None:
            raise InvalidError("there is no standard output to write to", hint="add dest=FILE")
        if output.split is False and terms.indexed:
            raise UnsupportedError("the files of several platforms in one folder are not supported")
        if not terms.indexed and any(each.target == "index" for each in output.form.annotations):
            raise InvalidError("an image for one platform has no index to annotate", hint="annotate its manifest")
        if output.rewrite and terms.epoch is None:
            raise InvalidError(
                "rewrite-timestamp=true needs a time", hint="set SOURCE_DATE_EPOCH, in seconds since 1970"
            )


class Delivery:
    """Use it as a context manager: what was built stays claimed for the block."""

    def __init__(self, store: Store, settings: Settings, outputs: Sequence[Output], terms: Terms, sink: Sink) -> None:
        self._store = store
        self._settings = settings
        self._outputs = outputs
        self._terms = terms
        self._sink = sink
        self._lease = store.leases.hold()
        self._taken: dict[int, Product] = {}
        self._host = Platform.of_machine(os.uname().machine)

    def __enter__(self) -> Delivery:
        return self

    def __exit__(self, *_: object) -> None:
        self._lease.release()

    def taker(self, position: int) -> Taker:
        """Return what takes the product at a position among those of all platforms. It may be called in any thread."""

        def take(product: Product) -> None:
            self._lease.add("image", product.id)
            if product.chain is not None:
                self._lease.add("snapshot", product.chain)
                self._store.snapshots.require(product.chain)
            self._taken[position] = product

        return take

    @property
    def _products(self) -> list[Product]:
        return [self._taken[position] for position in sorted(self._taken)]

    @property
    def chosen(self) -> Product:
        """What a tag names: the image for this machine, else the first one."""
        return next((each for each in self._products if each.platform == self._host), self._products[0])

    def deliver(self) -> dict[str, Any]:
        """Do all that is wanted with what was taken; return it as buildx's metadata tell it.

        Raises what writing and pushing raise; outputs that were done before stay.
        """
        metadata: dict[str, Any] = {}
        if any(output.in_store for output in self._outputs):
            metadata |= self._about_store()
        for output in self._outputs:
            started = time.monotonic()
            if output.in_store:
                metadata |= self._image(output, started)
            elif output.is_image:
                self._sink(Delivering("writing", output.dest))
                metadata |= self._written(output, started)
            elif output.type in ("local", "tar"):
                self._sink(Delivering("writing", output.dest))
                self._files(output, started)
        return metadata

    def _names(self, output: Output) -> tuple[Reference, ...]:
        return tuple(ref.with_default_tag() for ref in self._terms.tags or output.names)

    # -- images

    def _about_store(self) -> dict[str, Any]:
        id = str(self.chosen.id)
        names = {"image.name": ",".join(str(ref.with_default_tag()) for ref in self._terms.tags)}
        return {
            **({} if self._terms.indexed else {"containerimage.config.digest": id}),
            "containerimage.digest": id,
            **(names if self._terms.tags else {}),
        }

    def _image(self, output: Output, started: float) -> dict[str, Any]:
        """Tag what is in the store, and push it."""
        metadata: dict[str, Any] = {}
        images = [product.id for product in self._products]
        publication = Publication(tuple(images) if self._terms.indexed else (), output.form.to_json())
        names = self._names(output)
        for ref in names if not output.by_digest else ():
            known = self._store.images.resolve(ref)
            if known is None or known.id != self.chosen.id or self._store.images.publication(ref) != publication:
                self._store.images.tag(ref, self.chosen.id, publication)
            if self._terms.indexed:
                platforms = ", ".join(str(product.platform) for product in self._products)
                self._sink(Delivered("tagged", f"{ref.familiar()} for {platforms}", time.monotonic() - started))
        if names:
            metadata["image.name"] = ",".join(str(ref) for ref in names)
        if output.push:
            for ref in names:
                descriptor = self._push(ref, output)
                metadata |= self._described(descriptor)
        return metadata

    def _push(self, ref: Reference, output: Output) -> Descriptor:
        from boxwright.engine import sharing

        started = time.monotonic()
        self._sink(Delivering("pushing", ref.familiar()))
        pushed = sharing.push_images(
            self._store,
            self._settings,
            ref,
            [product.id for product in self._products],
            output.form,
            index=self._terms.indexed,
            by_digest=output.by_digest,
            insecure=self._terms.insecure,
        )
        name = ref._replace(tag=None).familiar() if output.by_digest else ref.familiar()
        seconds = time.monotonic() - started
        self._sink(Delivered("pushed", f"{name}@{pushed.digest}", seconds, pushed.sent, pushed.there))
        return pushed.descriptor

    def _described(self, descriptor: Descriptor) -> dict[str, Any]:
        metadata: dict[str, Any] = {
            "containerimage.descriptor": descriptor.to_json(),
            "containerimage.digest": str(descriptor.digest),
        }
        if not self._terms.indexed:
            metadata["containerimage.config.digest"] = str(self._products[0].id)
        return metadata

    def _written(self, output: Output, started: float) -> dict[str, Any]:
        """Write an image to an archive or a folder in OCI's layout."""
        from boxwright.image import docker_archive, oci_layout
        from boxwright.image.repack import repack

        names = self._names(output)
        with self._store.scratch() as scratch:
            images = [repack(self._view(product), output.form, scratch) for product in self._products]
            if output.type == "docker":
                named = [oci_layout.Named(image, names) for image in images]
                self._write(output, started, lambda sink: docker_archive.write(named, sink))
                packed: Packed | Indexed = oci_layout.pack(named[0], compressions=("gzip", "none"))
            else:
                packed = self._packed(images, names, output.form)
                if output.archive:
                    self._write(output, started, lambda sink: oci_layout.write_packed([packed], sink))
                else:
                    oci_layout.write_packed_directory([packed], Path(output.dest))
                    self._sink(Delivered("wrote", output.dest, time.monotonic() - started))
        metadata = self._described(packed.descriptor._replace(annotations={}))
        return {**metadata, "image.name": ",".join(str(ref) for ref in names)} if names else metadata

    def _packed(self, images: Sequence[Image], names: tuple[Reference, ...], form: Form) -> Packed | Indexed:
        from boxwright.image import oci_layout

        if not self._terms.indexed:
            platform = images[0].config.platform
            annotations = form.annotations_for("manifest-descriptor", platform)
            return oci_layout.pack(oci_layout.Named(images[0], names, annotations))
        return oci_layout.indexed(images, form, names)

    def _view(self, product: Product) -> Image:
        from boxwright.store import stored

        record = self._store.images.get(product.id)
        if record is not None:
            return self._store.images.image(record)
        return stored.of_layers(self._store.blobs, self._store.snapshots, product.config, product.chain)

    # -- files

    def _files(self, output: Output, started: float) -> None:
        from boxwright.engine.outputs import files

        snapshots = self._store.snapshots
        found = [
            files.Files(product.platform, tuple(snapshots.path(each) for each in snapshots.stack(product.chain)))
            for product in self._products
        ]
        split = self._terms.indexed if output.split is None else output.split
        epoch = self._terms.epoch
        if output.type == "local":
            files.folder(found, output.dest, split=split, epoch=epoch)
            self._sink(Delivered("wrote", output.dest, time.monotonic() - started))
            return

        def write(sink: BinaryIO) -> None:
            for piece in files.tar(found, split=split, epoch=epoch):
                sink.write(piece)
            sink.flush()

        self._write(output, started, write)

    def _write(self, output: Output, started: float, write: Callable[[BinaryIO], None]) -> None:
        """Have `write` fill the output's file, or the standard output."""
        from boxwright.engine.archives import write_file

        size = None
        if output.dest == STDOUT:
            assert self._terms.stdout is not None
            write(self._terms.stdout)
        else:
            write_file(output.dest, write, mode=0o666)
            size = Path(output.dest).stat().st_size
        self._sink(Delivered("wrote", output.dest, time.monotonic() - started, size))
