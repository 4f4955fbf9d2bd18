"""``--output`` and ``--annotation``: what they say, and what they may not."""

from __future__ import annotations

from typing import Any

import pytest

from boxwright.engine.outputs import spec
from boxwright.engine.outputs.spec import Output, parse
from boxwright.errors import BoxwrightError, InvalidError
from boxwright.image.form import Annotation, Form
from boxwright.oci.platform import Platform
from support.images import ref

_ARM = Platform("linux", "arm", "v7")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("out", Output("local", "out", archive=False)),
        ("./out dir", Output("local", "./out dir", archive=False)),
        ("-", Output("tar", "-")),
        ("type=local,dest=out", Output("local", "out", archive=False)),
        ("type=local,dest=out,platform-split=false", Output("local", "out", archive=False, split=False)),
        ("type=tar", Output("tar", "-")),
        ("type=tar,dest=out.tar", Output("tar", "out.tar")),
        ('"type=tar","dest=a,b.tar"', Output("tar", "a,b.tar")),
        ("type=cacheonly", Output("cacheonly", archive=False)),
        ("type=image", Output("image", archive=False)),
        ("type=image,name=a:1,push=true", Output("image", archive=False, names=(ref("a:1"),), push=True)),
        ('type=image,"name=a,b"', Output("image", archive=False, names=(ref("a"), ref("b")))),
        ("type=image,unpack=true,store=true", Output("image", archive=False)),
        ("type=registry", Output("registry", archive=False, push=True)),
        ("type=registry,push-by-digest=true", Output("registry", archive=False, push=True, by_digest=True)),
        ("type=docker", Output("docker")),
        ("type=oci,dest=x.tar", Output("oci", "x.tar")),
        ("type=oci,dest=x,tar=false", Output("oci", "x", archive=False)),
        ("type=oci,rewrite-timestamp=true", Output("oci", "-", rewrite=True)),
        (
            "type=oci,compression=zstd,compression-level=19,force-compression=true",
            Output("oci", "-", form=Form("zstd", 19, True)),
        ),
        ("type=oci,compression=uncompressed", Output("oci", "-", form=Form("none"))),
        ("type=image,oci-mediatypes=false", Output("image", archive=False, form=Form(docker=True))),
        (
            "type=image,annotation.a.b=c,annotation-index.d=e,annotation-manifest[linux/arm/v7].f=g",
            Output(
                "image",
                archive=False,
                form=Form(
                    annotations=(
                        Annotation("manifest", "a.b", "c"),
                        Annotation("index", "d", "e"),
                        Annotation("manifest", "f", "g", _ARM),
                    )
                ),
            ),
        ),
    ],
)
def test_an_output_says(text: str, expected: Output) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an output is empty"),
        ("dest=out", "an output has no type"),
        ("type=floppy", "unknown type of output 'floppy'"),
        ("type=local", "an output of type local needs a folder"),
        ("type=local,dest=-", "a folder cannot go to the standard output"),
        ("type=oci,tar=false", "a folder cannot go to the standard output"),
        ("type=local,tar=true,dest=x", "an output of type local is a folder"),
        ("type=tar,tar=false,dest=x", "an output of type tar is an archive"),
        ("type=docker,tar=false,dest=x", "a folder in docker's form is not supported"),
        ("type=image,dest=x", "an output of type image has no dest"),
        ("type=oci,push=true", "an output of type oci is not pushed"),
        ("type=image,push-by-digest=true", "push-by-digest=true is for what is pushed"),
        ("type=image,push=perhaps", "invalid push=perhaps"),
        ("type=image,shade=blue", "an output of type image has no 'shade'"),
        ("type=local,dest=x,compression=gzip", "an output of type local has no 'compression'"),
        ("type=tar,annotation.a=b", "an output of type tar has no 'annotation'"),
        ("type=image,compression=estargz", "compression=estargz is not supported"),
        ("type=image,compression-level=fast", "invalid compression-level 'fast'"),
        ("type=image,compression=zstd,compression-level=23", "invalid compression level 23 for zstd"),
        ("type=image,compression=zstd,oci-mediatypes=false", "Docker's media types have no zstd"),
        ("type=image,store=false", "store=false is not supported"),
        ("type=image,name=a@sha256:" + "0" * 64, "has a digest, and a name for an image has none"),
        ("type=image,annotation-what.a=b", "unknown type of annotation 'what'"),
        ('type=tar,"dest=x', "a quote is not closed"),
    ],
)
def test_an_output_may_not_say(text: str, message: str) -> None:
    with pytest.raises(BoxwrightError) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", [Annotation("manifest", "a", "b")]),
        ("a=", [Annotation("manifest", "a", "")]),
        ("a=b=c", [Annotation("manifest", "a", "b=c")]),
        ("urn:x=b", [Annotation("manifest", "urn:x", "b")]),
        ("index:a=b", [Annotation("index", "a", "b")]),
        ("index,manifest:a=b", [Annotation("index", "a", "b"), Annotation("manifest", "a", "b")]),
        ("manifest-descriptor[linux/arm/v7]:a=b", [Annotation("manifest-descriptor", "a", "b", _ARM)]),
    ],
)
def test_an_annotation_says(text: str, expected: list[Annotation]) -> None:
    assert Annotation.parse(text) == expected


@pytest.mark.parametrize("text", ["a", "=b", "index:=b", "index[linux/arm64]:a=b", " a=b"])
def test_an_annotation_may_not_say(text: str) -> None:
    with pytest.raises(InvalidError):
        Annotation.parse(text)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, ()),
        ({"push": True}, (Output("registry", push=True),)),
        ({"load": True}, (Output("docker"),)),
        ({"texts": ["out"], "load": True}, (Output("local", "out", archive=False), Output("docker"))),
        ({"texts": ["type=image"], "push": True}, (Output("image", archive=False, push=True),)),
        ({"texts": ["type=image"], "load": True}, (Output("image", archive=False),)),
        ({"annotations": ["a=b"]}, (Output("image", form=Form(annotations=(Annotation("manifest", "a", "b"),))),)),
    ],
)
def test_what_is_wanted(arguments: dict[str, Any], expected: tuple[Output, ...]) -> None:
    given: dict[str, Any] = {"texts": (), "annotations": (), "push": False, "load": False, **arguments}
    texts, annotations = given.pop("texts"), given.pop("annotations")
    assert spec.wanted(texts, annotations, **given) == expected


def test_two_outputs_cannot_share_the_standard_output() -> None:
    with pytest.raises(InvalidError, match="only one output"):
        spec.wanted(["-", "type=oci"], (), push=False, load=False)


def test_a_form_outlives_its_text() -> None:
    form = Form("zstd", 3, True, annotations=(*Annotation.parse("index:a=b"), Annotation("manifest", "c", "d", _ARM)))
    assert Form.from_json(form.to_json()) == form
    assert Form().to_json() == ""
    assert form.annotations_for("manifest", _ARM) == {"c": "d"}
    assert form.annotations_for("manifest", Platform("linux", "amd64")) == {}
