"""How an image came about: what the predicate says of a build, and what it leaves out."""

from __future__ import annotations

import base64
import json
from typing import Any

from boxwright.build.copies import CopyAction, Destination
from boxwright.build.planned import BaseImage
from boxwright.build.provenance import Made, fetched, predicate
from boxwright.dockerfile.git_url import GitUrl
from boxwright.oci.digest import Digest
from support.building import Workbench

DOCKERFILE = """\
FROM scratch AS tools
RUN write /tool 1
FROM base
ARG API_TOKEN
ARG VERSION
COPY --from=tools /tool /
COPY --from=other:2 /o /
RUN write /x $VERSION
"""


def made_of(bench: Workbench, dockerfile: str, **options: Any) -> Made:
    """Return what is known of a build; its bases are ``base:latest`` and ``other:2``."""
    bench.attest = None
    bench.build("FROM scratch\nRUN write /b 1\n", tag="base")
    bench.build("FROM scratch\nRUN write /o 1\n", tag="other:2")
    seen: list[Made] = []
    bench.attest = seen.append
    built = bench.build(dockerfile, tag="web", **options)
    (made,) = seen
    assert made.image == built.id
    return made


def said(made: Made, *, full: bool) -> dict[str, Any]:
    def digest_of(base: BaseImage) -> Digest:
        return Digest("sha256:" + ("1" if base.name == "base" else "2") * 64)

    value: dict[str, Any] = json.loads(json.dumps(predicate(made, digest_of, full=full)))
    return value


ARGUMENTS = {"API_TOKEN": "hush-hush", "VERSION": "7", "UNSET": None}


def test_what_it_is_made_from(bench: Workbench) -> None:
    value = said(made_of(bench, DOCKERFILE, build_args=ARGUMENTS), full=False)
    assert value["buildDefinition"]["resolvedDependencies"] == [
        {"uri": "pkg:docker/base?platform=linux%2Famd64", "digest": {"sha256": "1" * 64}},
        {"uri": "pkg:docker/other@2?platform=linux%2Famd64", "digest": {"sha256": "2" * 64}},
    ]
    metadata = value["runDetails"]["metadata"]
    assert metadata["startedOn"] <= metadata["finishedOn"]
    assert metadata["startedOn"].endswith("Z")


def test_the_short_form_tells_no_values(bench: Workbench) -> None:
    made = made_of(bench, DOCKERFILE, build_args=ARGUMENTS, labels={"owner": "Lovelace"}, target=None)
    text = json.dumps(said(made, full=False))
    for hidden in ("hush-hush", '"7"', "Lovelace", "RUN write", "VERSION"):
        assert hidden not in text


def test_the_long_form_has_the_steps_and_the_source_but_no_secret(bench: Workbench) -> None:
    value = said(made_of(bench, DOCKERFILE, build_args=ARGUMENTS, labels={"owner": "Lovelace"}, epoch=5), full=True)
    definition = value["buildDefinition"]
    assert definition["externalParameters"]["request"]["args"] == {
        "platform": "linux/amd64",
        "source-date-epoch": "5",
        "build-arg:VERSION": "7",
        "label:owner": "Lovelace",
    }
    internal = definition["internalParameters"]
    assert internal["buildConfig"]["steps"][1] == {"stage": "tools", "instruction": "RUN write /tool 1"}
    assert len(internal["buildConfig"]["steps"]) == 8
    assert base64.b64decode(internal["source"]["infos"][0]["data"]).decode() == DOCKERFILE
    assert "hush-hush" not in json.dumps(value)


def test_downloads_are_dependencies_without_credentials(bench: Workbench) -> None:
    made = made_of(bench, "FROM scratch\nRUN write /a 1\n")
    made = made._replace(downloads={"https://ada:secret@example.com/a@b.tar?x=1": "sha256:" + "ab" * 32})
    assert said(made, full=True)["buildDefinition"]["resolvedDependencies"] == [
        {"uri": "https://example.com/a@b.tar?x=1", "digest": {"sha256": "ab" * 32}}
    ]


def test_what_a_step_fetched_is_read_from_its_document() -> None:
    action = CopyAction("ADD", (), Destination("/", True), None, None, None, None)
    action = action._replace(urls=("https://example.com/x",), repositories=(GitUrl("https://example.com/r.git"),))
    document = {"downloads": [["x", "ab" * 32]], "repositories": [["cd" * 20, "", False, None, ""]]}
    assert fetched(action, document) == {
        "https://example.com/x": "sha256:" + "ab" * 32,
        "git+https://example.com/r.git": "gitCommit:" + "cd" * 20,
    }


def test_the_image_is_there_before_a_tag_names_it(bench: Workbench) -> None:
    from boxwright.oci.reference import Reference

    names: list[bool] = []
    bench.attest = lambda made: names.append(bench.store.images.resolve(Reference.parse("web:latest")) is not None)
    bench.build("FROM scratch\nRUN write /a 1\n", tag="web")
    assert names == [False]
