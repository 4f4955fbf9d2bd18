"""How an image came about, in SLSA's terms (a provenance predicate, version 1). Pure.

What it is made from is told in any case. The ``max`` form has the values of build arguments, every step and the text of
the Dockerfile, too. Neither has a secret, and a value whose name is that of a secret is left out of both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from boxwright._version import __version__
from boxwright.build.context import Material
from boxwright.build.namedcontexts import OCI_LAYOUT
from boxwright.build.planned import SCRATCH
from boxwright.dockerfile.secret_names import is_secret_name
from boxwright.host.clock import rfc3339
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.build.copies import CopyAction
    from boxwright.build.planned import BaseImage, Plan
    from boxwright.build.request import BuildRequest
    from boxwright.oci.digest import Digest

PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:boxwright:build:dockerfile:v1"
BUILDER = f"urn:boxwright:{__version__}"


class Made(NamedTuple):
    """An image, and how it was made."""

    request: BuildRequest
    plan: Plan
    image: Digest
    """Its ID."""
    started: float
    """Seconds since 1970."""
    finished: float
    downloads: Mapping[str, str]
    """What ADD fetched: URL → digest (see `fetched`)."""


Attester: TypeAlias = Callable[[Made], None]
"""What attaches statements to an image that was made: called when the image is there, before its tags name it."""


def predicate(made: Made, digest_of: Callable[[BaseImage], Digest], *, full: bool) -> dict[str, Any]:
    """Return the predicate; `digest_of` says by which digest an image is known. `full` is the ``max`` form."""
    request = made.request
    material = request.context.material
    parameters: dict[str, Any] = {
        "configSource": {"path": request.context.title} | (_resource(material) if material is not None else {}),
        "request": {"frontend": "dockerfile", "args": _arguments(request, full=full), "locals": _locals(request)},
    }
    internal: dict[str, Any] = {"builderPlatform": str(request.build_platform)}
    if full:
        internal["buildConfig"] = {"steps": _steps(made.plan)}
        internal["source"] = {"infos": [{"filename": request.context.dockerfile.name, "data": _source(request)}]}
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": parameters,
            "internalParameters": internal,
            "resolvedDependencies": _dependencies(made, digest_of),
        },
        "runDetails": {
            "builder": {"id": BUILDER},
            "metadata": {
                "invocationId": made.image,
                "startedOn": rfc3339(int(made.started)),
                "finishedOn": rfc3339(int(made.finished)),
            },
        },
    }


def _locals(request: BuildRequest) -> list[dict[str, str]]:
    """Return the contexts that hold files of whoever builds."""
    named = request.named.all.values() if request.named is not None else ()
    return [{"name": name} for name in ("context", *(each.name for each in named if each.is_folder))]


def _arguments(request: BuildRequest, *, full: bool) -> dict[str, str]:
    arguments = {"platform": str(request.platform)}
    if request.target:
        arguments["target"] = request.target
    if request.no_cache:
        arguments["no-cache"] = "true"
    elif request.no_cache_stages:
        arguments["no-cache"] = ",".join(sorted(request.no_cache_stages))
    for named in request.named.all.values() if request.named is not None else ():
        arguments[f"context:{named.name}"] = (
            f"local:{named.name}" if named.is_folder else _without_credentials(named.value)
        )
    if request.epoch is not None:
        arguments["source-date-epoch"] = str(request.epoch)
    if full:
        for name, value in sorted(request.build_args.items()):
            if value is not None and not is_secret_name(name):
                arguments[f"build-arg:{name}"] = value
        arguments |= {f"label:{name}": value for name, value in sorted(request.labels.items())}
    return arguments


def _dependencies(made: Made, digest_of: Callable[[BaseImage], Digest]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for image in images_of(made.plan):
        algorithm, _, digits = digest_of(image).partition(":")
        kind = "oci" if image.name.startswith(OCI_LAYOUT) else "docker"
        uri = f"pkg:{kind}/{_quoted(image)}?platform={str(image.config.platform).replace('/', '%2F')}"
        found[uri] = {"uri": uri, "digest": {algorithm: digits}}
    request = made.request
    named = request.named.materials().values() if request.named is not None else ()
    added = (Material(url, digest) for url, digest in made.downloads.items())
    for material in (*filter(None, (request.context.material,)), *named, *added):
        resource = _resource(material)
        found[f"{resource['uri']} {material.digest}"] = resource
    return [found[uri] for uri in sorted(found)]


def _resource(material: Material) -> dict[str, Any]:
    """Return a resource descriptor of what came from elsewhere (in-toto attestation framework, ResourceDescriptor)."""
    algorithm, _, digits = material.digest.partition(":")
    return {"uri": _without_credentials(material.uri), "digest": {algorithm: digits}}


def fetched(action: CopyAction, document: Mapping[str, Any]) -> dict[str, str]:
    """Return what a step took from elsewhere, by the document of its key: URL → ``algorithm:digits``."""
    downloads = zip(action.urls, document.get("downloads") or (), strict=False)
    repositories = zip(action.repositories, document.get("repositories") or (), strict=False)
    found = {url: f"sha256:{digest}" for url, (_, digest, *_) in downloads}
    return found | {f"git+{git.url}": f"gitCommit:{commit}" for git, (commit, *_) in repositories}


def _without_credentials(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def images_of(plan: Plan) -> list[BaseImage]:
    """Return the images that a build takes something from: that stages start from, that COPY and RUN's mounts name."""
    found: dict[str, BaseImage] = {}
    for stage in plan.stages:
        named = [stage.image]
        for step in stage.steps:
            named.append(getattr(step.action, "image", None))
            named += [mount.image for mount in getattr(step.action, "mounts", ())]
        found.update(
            {f"{image.name} {image.id}": image for image in named if image is not None and image.name != SCRATCH}
        )
    return [found[key] for key in sorted(found)]


def _quoted(image: BaseImage) -> str:
    text = image.name
    if text.startswith(OCI_LAYOUT):  # a place on this machine is nobody's business
        text = text.rpartition("/")[2]
    name, colon, tag = text.rpartition(":")
    if not colon or "/" in tag or "@" in text:
        name, tag = text.partition("@")[0], ""
    return f"{name}@{tag}" if tag else name


def _steps(plan: Plan) -> list[dict[str, Any]]:
    return [
        {"stage": stage.title, "instruction": text}
        for stage in plan.stages
        for text in (stage.from_text, *(step.text for step in stage.steps))
    ]


def _source(request: BuildRequest) -> str:
    from base64 import b64encode

    return b64encode(request.context.dockerfile.text.encode("utf-8", "surrogateescape")).decode()
