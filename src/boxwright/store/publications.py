"""What a tag is beside the image that it names: the images for other platforms, and the form in which it leaves.

A tag names one image, the one for this machine, and everything here runs and shows that one. What is pushed and saved
under the tag is all of it: an index of the images, which is made when it leaves, as manifests are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from boxwright.oci.digest import Digest
from boxwright.oci.reference import Reference
from boxwright.store.database import Database
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.image.form import Form


class Publication(NamedTuple):
    images: tuple[Digest, ...] = ()
    """Of all platforms, in the order of the index; empty for a tag that is one image and no index."""
    text: str = ""
    """The form, as `Form.to_json` writes it."""

    @property
    def form(self) -> Form:
        from boxwright.image.form import Form

        return Form.from_json(self.text)


def get(database: Database, ref: Reference) -> Publication:
    """Return what a tag is; the default for one that isn't there."""
    row = database.row("SELECT form FROM tag_forms WHERE repository = ? AND tag = ?", ref.repository, ref.tag)
    images = database.rows(
        "SELECT image FROM tag_platforms WHERE repository = ? AND tag = ? ORDER BY position", ref.repository, ref.tag
    )
    return Publication(tuple(Digest(image) for (image,) in images), row[0] if row else "")


def put(database: Database, ref: Reference, publication: Publication) -> None:
    """Replace what a tag is, which is there, as its images are; in the caller's transaction."""
    names = (ref.repository, ref.tag)
    database.run("DELETE FROM tag_forms WHERE repository = ? AND tag = ?", *names)
    database.run("DELETE FROM tag_platforms WHERE repository = ? AND tag = ?", *names)
    if publication.text:
        database.run("INSERT INTO tag_forms (repository, tag, form) VALUES (?, ?, ?)", *names, publication.text)
    database.run_many(
        "INSERT INTO tag_platforms (repository, tag, position, image) VALUES (?, ?, ?, ?)",
        [(*names, position, image) for position, image in enumerate(publication.images)],
    )
