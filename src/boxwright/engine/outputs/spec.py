"""``--output``, as buildx has it: ``type=…,name=value,…``, a folder, or ``-`` for the standard output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from boxwright.errors import InvalidError, UnsupportedError
from boxwright.image.form import Annotation, Form
from boxwright.oci.reference import Reference
from boxwright.values import NamedTuple

STDOUT: Final = "-"
TYPES: Final = ("image", "registry", "docker", "oci", "local", "tar", "cacheonly")
_IMAGES = ("image", "registry", "docker", "oci")
_TRUE, _FALSE = ("true", "1"), ("false", "0")
_COMPRESSIONS = {"gzip": "gzip", "zstd": "zstd", "uncompressed": "none"}
# What boxwright does in any case, so that asking for it is no mistake.
_ALWAYS = ("unpack", "store")


class Output(NamedTuple):
    type: str
    dest: str = ""
    """A path, `STDOUT`, or nothing: of the store itself."""
    names: tuple[Reference, ...] = ()
    """Empty: those of the build."""
    push: bool = False
    by_digest: bool = False
    """A push leaves the tags alone."""
    archive: bool = True
    """One file instead of a folder."""
    form: Form = Form()
    rewrite: bool = False
    """No file of the build's own layers is to be newer than SOURCE_DATE_EPOCH."""
    split: bool | None = None
    """Each platform in a folder of its own; None: when there are several."""

    @property
    def in_store(self) -> bool:
        """Whether it is an image in the store, with names."""
        return self.type in ("image", "registry") or (self.type == "docker" and not self.dest)

    @property
    def is_image(self) -> bool:
        return self.type in _IMAGES


def parse(text: str) -> Output:
    """Parse one ``--output``. Raises InvalidError, UnsupportedError, InvalidReference."""
    fields = _fields(text)
    if len(fields) == 1 and "=" not in fields[0]:
        if not fields[0]:
            raise InvalidError("an output is empty", hint="an output looks like type=local,dest=out, or out")
        return Output("tar", STDOUT) if fields[0] == STDOUT else Output("local", fields[0], archive=False)
    values: dict[str, str] = {}
    annotations: list[Annotation] = []
    for field in fields:
        name, equals, value = field.partition("=")
        name = name.strip().lower() if not name.startswith("annotation") else name
        if not equals:
            raise InvalidError(f"invalid output {field[:200]!r}", hint="an output looks like type=local,dest=out")
        if name.startswith("annotation"):
            annotations.append(_annotation(name, value))
        else:
            values[name] = value
    return _output(values, tuple(annotations))


def wanted(texts: Sequence[str], annotations: Sequence[str], *, push: bool, load: bool) -> tuple[Output, ...]:
    """Return the outputs of a build that was given ``--output``, ``--annotation``, ``--push`` and ``--load``.

    Raises InvalidError, UnsupportedError.
    """
    outputs = [parse(text) for text in texts]
    if push:
        images = any(output.type == "image" for output in outputs)
        outputs = [output._replace(push=True) if output.type == "image" else output for output in outputs]
        if not images and not any(output.push for output in outputs):
            outputs.append(Output("registry", push=True))
    if load and not any(output.in_store for output in outputs):
        outputs.append(Output("docker"))
    if annotations:
        outputs = outputs or [Output("image")]
        if not any(output.is_image for output in outputs):
            raise InvalidError("annotations are for images, and no output is one", hint="add -o type=image")
        given = tuple(each for text in annotations for each in Annotation.parse(text))
        outputs = [
            output._replace(form=output.form._replace(annotations=(*output.form.annotations, *given)).checked())
            if output.is_image
            else output
            for output in outputs
        ]
    to_stdout(outputs)
    return tuple(outputs)


def _fields(text: str) -> list[str]:
    """Split at commas; a field in quotes may hold some: ``type=image,"name=a,b"``."""
    fields, field, quoted = [], "", False
    for part in text.split('"'):
        if quoted:
            field += part
        else:
            first, *more = part.split(",")
            field += first
            for each in more:
                fields.append(field)
                field = each
        quoted = not quoted
    if not quoted:
        raise InvalidError(
            f"invalid output {text[:200]!r}: a quote is not closed", hint='quote a field as a whole: "name=a,b"'
        )
    return [*fields, field]


def _annotation(name: str, value: str) -> Annotation:
    where, dot, key = name.partition(".")
    if not dot or not key:
        raise InvalidError(f"invalid output {name[:200]!r}", hint="an annotation looks like annotation.key=value")
    return Annotation.of(where.removeprefix("annotation").removeprefix("-") or "manifest", key, value)


def _output(values: dict[str, str], annotations: tuple[Annotation, ...]) -> Output:
    kind = values.pop("type", "")
    if kind not in TYPES:
        what = f"unknown type of output {kind[:100]!r}" if kind else "an output has no type"
        raise InvalidError(what, hint=f"it is one of {', '.join(TYPES)}")
    dest = values.pop("dest", STDOUT if kind in ("tar", "oci") else "")
    archive = _flag(values, "tar", kind in ("tar", "oci", "docker"))
    output = Output(kind, dest, archive=archive, rewrite=_flag(values, "rewrite-timestamp", False))
    if kind in ("local", "tar"):
        if "platform-split" in values:
            output = output._replace(split=_flag(values, "platform-split", True))
    elif kind in _IMAGES:
        names = tuple(Reference.parse(name.strip()) for name in values.pop("name", "").split(",") if name.strip())
        for ref in names:
            if ref.digest is not None:
                raise InvalidError(
                    f"{ref.familiar()} has a digest, and a name for an image has none", hint="use name=repository:tag"
                )
        output = output._replace(
            names=names,
            push=_flag(values, "push", kind == "registry"),
            by_digest=_flag(values, "push-by-digest", False),
            form=_form(values, annotations),
        )
        for name in _ALWAYS:
            if not _flag(values, name, True):
                raise UnsupportedError(f"{name}=false is not supported", hint="what is built is in the store anyway")
    if values or (annotations and not output.is_image):
        unknown = next(iter(values), "annotation")
        raise InvalidError(f"an output of type {kind} has no {unknown[:100]!r}", hint=f"see what {kind} takes")
    _check(output)
    return output


def _form(values: dict[str, str], annotations: tuple[Annotation, ...]) -> Form:
    compression, level = values.pop("compression", "gzip"), values.pop("compression-level", "")
    if compression not in _COMPRESSIONS:
        kinds = ", ".join(_COMPRESSIONS)
        raise UnsupportedError(f"compression={compression[:100]} is not supported", hint=f"it is one of {kinds}")
    if level and not (level.isascii() and level.isdigit()):
        raise InvalidError(f"invalid compression-level {level[:100]!r}", hint="it is a whole number")
    form = Form(
        _COMPRESSIONS[compression],
        int(level) if level else None,
        _flag(values, "force-compression", False),
        not _flag(values, "oci-mediatypes", True),
        annotations,
    )
    return form.checked()


def _check(output: Output) -> None:
    kind, dest = output.type, output.dest
    if kind == "local" and output.archive:
        raise InvalidError("an output of type local is a folder", hint="use type=tar for an archive")
    if kind == "tar" and not output.archive:
        raise InvalidError("an output of type tar is an archive", hint="use type=local for a folder")
    if kind == "local" and not dest:
        raise InvalidError("an output of type local needs a folder", hint="add dest=FOLDER")
    if dest == STDOUT and not output.archive:
        raise InvalidError("a folder cannot go to the standard output", hint="add dest=FOLDER")
    if dest and kind in ("image", "registry", "cacheonly"):
        raise InvalidError(f"an output of type {kind} has no dest", hint="use type=oci or type=docker for a file")
    if kind == "docker" and not output.archive:
        raise UnsupportedError("a folder in docker's form is not supported", hint="use type=oci,tar=false")
    if output.push and kind in ("oci", "docker"):
        raise InvalidError(f"an output of type {kind} is not pushed", hint="use type=registry")
    if output.by_digest and not output.push:
        raise InvalidError("push-by-digest=true is for what is pushed", hint="add push=true")


def to_stdout(outputs: Iterable[Output]) -> Output | None:
    """Return the output that goes to the standard output, if one does. Raises InvalidError when several do."""
    found = [output for output in outputs if output.dest == STDOUT]
    if len(found) > 1:
        raise InvalidError("only one output can go to the standard output", hint="add dest=FILE to the others")
    return found[0] if found else None


def _flag(values: dict[str, str], name: str, default: bool) -> bool:
    text = values.pop(name, None)
    if text is None:
        return default
    if text not in (*_TRUE, *_FALSE):
        raise InvalidError(f"invalid {name}={text[:100]}", hint="it is true or false")
    return text in _TRUE
