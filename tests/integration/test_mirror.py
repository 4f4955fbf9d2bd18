"""Repositories that are kept alike: between registries, into folders and out of them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from boxwright.cli.main import main
from boxwright.engine.mirroring.ends import InvalidPlace, parse_place
from boxwright.engine.mirroring.mirror import Outcome, Summary, mirror
from boxwright.engine.mirroring.rules import InvalidMirrorFile, Plan, Rule, read_plan
from boxwright.engine.mirroring.selection import TagSelection
from boxwright.engine.settings import Settings, parse_rate
from boxwright.errors import InvalidError
from boxwright.host.paths import Path as HostPath
from boxwright.oci import media
from boxwright.oci.platform import Platform
from integration.remote_servers import docker_registry
from support.registry_kit import SmallImage, descriptor, digest_of
from support.registry_process import PlainClient, ServerProcess, serving

IMAGES = {tag: SmallImage.of(tag.encode()) for tag in ("1.0", "1.1", "2.0", "latest")}
ARM = SmallImage.of(b"arm")
INDEX = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": media.OCI_INDEX,
        "manifests": [
            descriptor(media.OCI_MANIFEST, IMAGES["2.0"].manifest, platform={"os": "linux", "architecture": "amd64"}),
            descriptor(media.OCI_MANIFEST, ARM.manifest, platform={"os": "linux", "architecture": "arm64"}),
        ],
    }
).encode()


class Corner:
    """A namespace of a server, which stands for a registry of a test's own."""

    numbers = itertools.count(1)

    def __init__(self, server: ServerProcess) -> None:
        self.address = server.address
        self.namespace = f"test{next(self.numbers)}"

    def __str__(self) -> str:
        return f"{self.address}/{self.namespace}"

    def open(self) -> PlainClient:
        """Return a client that finds everything below the namespace."""
        return _CornerClient(self)


class _CornerClient(PlainClient):
    def __init__(self, corner: Corner) -> None:
        super().__init__(corner.address)
        self._root = f"/v2/{corner.namespace}/"

    def call(self, method: str, target: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        if not target.startswith(self._root):
            target = self._root + target.removeprefix("/v2/")
        return super().call(method, target, body, **headers)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    root = tmp_path_factory.mktemp("registries")
    with serving(root / "one") as one, serving(root / "other") as other:
        yield one, other


@pytest.fixture
def source(servers: tuple[ServerProcess, ServerProcess]) -> Corner:
    corner = Corner(servers[0])
    with corner.open() as client:
        for tag, image in IMAGES.items():
            client.push("ada/tools", tag, image, [])
        client.push("ada/other", "1.0", IMAGES["1.0"], [])
        client.push("top", "1.0", IMAGES["1.0"], [])
    return corner


@pytest.fixture
def target(servers: tuple[ServerProcess, ServerProcess]) -> Corner:
    return Corner(servers[1])


def run(tmp_path: Path, *rules: Rule, dry_run: bool = False, **options: object) -> tuple[Summary, list[Outcome]]:
    told: list[Outcome] = []
    plan = Plan(rules)._replace(**options)
    summary = mirror(Settings(root=tmp_path / "root"), plan, dry_run=dry_run, told=told.append)
    return summary, sorted(told, key=lambda outcome: outcome.destination)


def tags(corner: Corner, repository: str) -> list[str]:
    with corner.open() as client:
        status, answer = client.call("GET", f"/v2/{repository}/tags/list")
        return json.loads(answer)["tags"] if status == 200 else []


def verify(corner: Corner, repository: str) -> None:
    """Check that every image is whole."""
    with corner.open() as client:
        for tag in tags(corner, repository):
            manifest = json.loads(client.call("GET", f"/v2/{repository}/manifests/{tag}")[1])
            for entry in (manifest["config"], *manifest["layers"]):
                status, content = client.call("GET", f"/v2/{repository}/blobs/{entry['digest']}")
                assert (status, digest_of(content)) == (200, entry["digest"])


def test_a_repository_is_copied_once_and_then_up_to_date(tmp_path: Path, source: Corner, target: Corner) -> None:
    rule = Rule(f"{source}/ada/tools", f"{target}/mirror/tools")
    summary, told = run(tmp_path, rule)
    assert (summary.copied, summary.current, summary.failed) == (4, 0, 0)
    assert summary.sent == sum(len(blob) for image in IMAGES.values() for blob in image.blobs)
    assert {outcome.status for outcome in told} == {"copied"}
    assert tags(target, "mirror/tools") == sorted(IMAGES)
    verify(target, "mirror/tools")
    again, _ = run(tmp_path, rule)
    assert (again.copied, again.current, again.sent) == (0, 4, 0)
    with source.open() as client:
        client.push("ada/tools", "latest", IMAGES["1.1"], [])
    moved, told = run(tmp_path, rule)
    assert (moved.copied, moved.current, moved.sent) == (1, 3, 0)
    assert [outcome.destination for outcome in told if outcome.status == "copied"] == [f"{target}/mirror/tools:latest"]


def test_every_repository_of_a_namespace(tmp_path: Path, source: Corner, target: Corner) -> None:
    summary, _ = run(tmp_path, Rule(f"{source}/ada/*", f"{target}/copies/*"))
    assert (summary.copied, summary.failed) == (5, 0)
    assert tags(target, "copies/tools") == sorted(IMAGES)
    assert tags(target, "copies/other") == ["1.0"]
    everything, _ = run(tmp_path, Rule(f"{source}/*", f"{target}/all/*"))
    assert everything.copied == 6
    assert tags(target, "all/ada/tools") == sorted(IMAGES)
    assert tags(target, "all/top") == ["1.0"]


def test_only_tags_that_are_meant_and_the_others_go(tmp_path: Path, source: Corner, target: Corner) -> None:
    with target.open() as client:
        client.push("tools", "old", IMAGES["1.0"], [])
    rule = Rule(f"{source}/ada/tools", f"{target}/tools", TagSelection(newest=2), delete=True)
    planned, told = run(tmp_path, rule, dry_run=True)
    assert (planned.copied, planned.deleted) == (2, 1)
    assert {outcome.destination.rpartition(":")[2]: outcome.status for outcome in told} == {
        **{"1.1": "copied", "2.0": "copied", "old": "deleted"}
    }
    assert tags(target, "tools") == ["old"]
    done, _ = run(tmp_path, rule)
    assert (done.copied, done.deleted, done.failed) == (2, 1, 0)
    assert tags(target, "tools") == ["1.1", "2.0"]
    assert run(tmp_path, rule, dry_run=True)[0].current == 2


def test_a_source_without_tags_deletes_nothing(tmp_path: Path, source: Corner, target: Corner) -> None:
    with target.open() as client:
        client.push("tools", "old", IMAGES["1.0"], [])
    for name in ("nothing/here", "ada/empty"):
        with source.open() as client:
            image = IMAGES["1.0"]
            client.push("ada/empty", "x", image, [])
            client.call("DELETE", "/v2/ada/empty/manifests/x")
        summary, _ = run(tmp_path, Rule(f"{source}/{name}", f"{target}/tools", delete=True))
        assert (summary.failed, summary.deleted) == (1, 0)
    assert tags(target, "tools") == ["old"]


def test_signatures_go_along(tmp_path: Path, source: Corner, target: Corner) -> None:
    subject = IMAGES["1.0"].manifest
    with source.open() as client:
        bill = client.attach("ada/tools", subject, "application/spdx+json", b"{}\n")
        cosign = f"sha256-{digest_of(subject).partition(':')[2]}.sig"
        client.put("ada/tools", cosign, IMAGES["1.1"].manifest)
    rule = Rule(f"{source}/ada/tools", f"{target}/tools", TagSelection(include=("1.0",)))
    summary, (outcome,) = run(tmp_path, rule._replace(referrers=False))
    assert (summary.copied, outcome.referrers) == (1, 0)
    summary, (outcome,) = run(tmp_path, rule)
    assert (outcome.status, outcome.referrers) == ("copied", 2)
    with target.open() as client:
        assert client.call("GET", f"/v2/tools/manifests/{digest_of(bill)}")[0] == 200
        assert client.call("GET", f"/v2/tools/manifests/{cosign}")[0] == 200
    assert run(tmp_path, rule)[0].current == 1
    deleting, _ = run(tmp_path, rule._replace(delete=True))
    assert deleting.deleted == 0, "cosign's tag is no tag that could be meant"


@pytest.mark.peer
def test_by_way_of_a_registry_that_knows_no_referrers(tmp_path: Path, source: Corner, target: Corner) -> None:
    subject = IMAGES["1.0"].manifest
    with source.open() as client:
        bill = client.attach("ada/tools", subject, "application/spdx+json", b"{}\n")
    with docker_registry(tmp_path) as middle:
        there = Rule(f"{source}/ada/*", f"{middle}/copies/*")
        summary, _ = run(tmp_path, there)
        assert (summary.copied, summary.failed) == (5, 0)
        again, _ = run(tmp_path, there)
        assert (again.copied, again.current, again.sent) == (0, 5, 0)
        back, _ = run(tmp_path, Rule(f"{middle}/copies/*", f"{target}/ada/*"))
        assert (back.copied, back.failed) == (5, 0)
    with target.open() as client:
        listed = json.loads(client.call("GET", f"/v2/ada/tools/referrers/{digest_of(subject)}")[1])
        assert [entry["digest"] for entry in listed["manifests"]] == [digest_of(bill)]
    assert run(tmp_path, there._replace(source=f"{source}/ada/*", destination=f"{target}/ada/*"))[0].current == 5


def test_platforms_that_are_wanted(tmp_path: Path, source: Corner, target: Corner) -> None:
    with source.open() as client:
        client.push("ada/tools", "arm", ARM, [])
        client.put("ada/tools", "index", INDEX, media.OCI_INDEX)
    one = (Platform.parse("linux/arm64"),)
    rule = Rule(f"{source}/ada/tools", f"{target}/tools", TagSelection(include=("index",)), one)
    summary, (outcome,) = run(tmp_path, rule)
    assert (summary.copied, str(outcome.digest)) == (1, digest_of(ARM.manifest))
    assert run(tmp_path, rule)[0].current == 1
    assert run(tmp_path, rule, dry_run=True)[0].current == 1
    other = rule._replace(platforms=(Platform.parse("linux/s390x"),))
    passed, _ = run(tmp_path, other)
    assert (passed.passed, passed.failed) == (1, 0)


def test_what_fails_is_told_and_the_rest_goes_on(tmp_path: Path, source: Corner, target: Corner) -> None:
    rules = [
        Rule("127.0.0.1:1/x", f"{target}/x"),
        Rule(f"{source}/ada/none", f"{target}/y"),
        Rule(f"{source}/ada/other", f"{target}/z"),
    ]
    summary, told = run(tmp_path, *rules)
    assert (summary.copied, summary.failed) == (1, 2)
    assert [outcome.error is not None for outcome in told] == [True, True, False]
    assert tags(target, "z") == ["1.0"]


# -- folders


def test_into_a_folder_and_out_of_it(tmp_path: Path, source: Corner, target: Corner) -> None:
    subject = IMAGES["1.0"].manifest
    with source.open() as client:
        bill = client.attach("ada/tools", subject, "application/spdx+json", b"{}\n")
        client.push("ada/tools", "arm", ARM, [])
        client.put("ada/tools", "index", INDEX, media.OCI_INDEX)
    into = Rule(f"{source}/ada/*", f"oci:{tmp_path}/layouts/*")
    summary, _ = run(tmp_path, into)
    assert (summary.copied, summary.failed) == (7, 0)
    folder = tmp_path / "layouts/tools"
    index = json.loads((folder / "index.json").read_text())
    names = [entry.get("annotations", {}).get("org.opencontainers.image.ref.name") for entry in index["manifests"]]
    assert sorted(name for name in names if name) == sorted([*IMAGES, "arm", "index"])
    for file in (folder / "blobs/sha256").iterdir():
        assert digest_of(file.read_bytes()) == f"sha256:{file.name}"
    assert run(tmp_path, into)[0].current == 7
    out = Rule(f"oci:{tmp_path}/layouts/*", f"{target}/from/*")
    back, _ = run(tmp_path, out)
    assert (back.copied, back.failed) == (7, 0)
    assert tags(target, "from/tools") == sorted([*IMAGES, "arm", "index"])
    verify_all = run(tmp_path, out)[0]
    assert (verify_all.current, verify_all.sent) == (7, 0)
    with target.open() as client:
        assert client.call("GET", f"/v2/from/tools/manifests/{digest_of(bill)}")[0] == 200
        listed = json.loads(client.call("GET", f"/v2/from/tools/referrers/{digest_of(subject)}")[1])
        assert [entry["digest"] for entry in listed["manifests"]] == [digest_of(bill)]


def test_a_folder_loses_what_is_deleted(tmp_path: Path, source: Corner) -> None:
    with source.open() as client:
        bill = client.attach("ada/tools", IMAGES["1.0"].manifest, "application/spdx+json", b"{}\n")
    folder = tmp_path / "layout"
    everything = Rule(f"{source}/ada/tools", f"oci:{folder}")
    assert run(tmp_path, everything)[0].copied == 4
    blobs = folder / "blobs/sha256"
    assert (blobs / digest_of(bill).partition(":")[2]).exists()
    some = everything._replace(tags=TagSelection(include=("2.0",)), delete=True)
    summary, _ = run(tmp_path, some)
    assert (summary.deleted, summary.current) == (3, 1)
    image = IMAGES["2.0"]
    assert sorted(file.name for file in blobs.iterdir()) == sorted(
        digest_of(data).partition(":")[2] for data in (*image.blobs, image.manifest)
    )


def test_a_folder_that_others_wrote_and_one_that_is_none(tmp_path: Path, target: Corner) -> None:
    IMAGES["latest"].write_layout(tmp_path / "layout")
    assert run(tmp_path, Rule(f"oci:{tmp_path}/layout", f"{target}/x"))[0].copied == 1
    assert tags(target, "x") == ["latest"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other/file").write_text("mine")
    summary, (outcome,) = run(tmp_path, Rule(f"{target}/x", f"oci:{tmp_path}/other"))
    assert summary.failed == 1
    assert "not an OCI image layout" in str(outcome.error)
    assert sorted(file.name for file in (tmp_path / "other").iterdir()) == ["file"]


def test_a_blob_that_is_damaged_in_a_folder_does_not_travel(tmp_path: Path, target: Corner) -> None:
    image = IMAGES["latest"]
    image.write_layout(tmp_path / "layout")
    (tmp_path / "layout/blobs/sha256" / digest_of(image.layer).partition(":")[2]).write_bytes(b"x" * len(image.layer))
    summary, (outcome,) = run(tmp_path, Rule(f"oci:{tmp_path}/layout", f"{target}/x"))
    assert summary.failed == 1
    assert "its digest is" in str(outcome.error)
    assert tags(target, "x") == []


# -- rules and the command


@pytest.mark.parametrize(
    "text", ["", "host/*", "x/*", "oci:", "oci:a*/b", "localhost:5000/a:1", "localhost:5000/a@sha256:" + "0" * 64]
)
def test_places_that_are_none(text: str) -> None:
    with pytest.raises(InvalidError):
        parse_place(text)


def test_places_that_do_not_fit_each_other(tmp_path: Path, target: Corner) -> None:
    for source, destination in (
        (f"{target}/a/*", f"{target}/b"),
        (f"{target}/a", f"{target}/b/*"),
        (f"{target}/a", f"{target}/a"),
    ):
        assert run(tmp_path, Rule(source, destination))[0].failed == 1
    with pytest.raises(InvalidPlace):
        parse_place("nowhere/*")


def test_a_file_of_mirrors(tmp_path: Path) -> None:
    file = tmp_path / "mirrors.toml"
    file.write_text(
        'parallel = 2\nlimit-rate = "1m"\n[[mirror]]\nfrom = "a.example/x"\nto = "oci:x"\ntags = ["v*"]\n'
        'versions = "^1"\nnewest = 3\nplatforms = ["linux/amd64"]\nreferrers = false\ndelete = true\n'
    )
    plan = read_plan(HostPath(file), parse_rate)
    (rule,) = plan.rules
    assert (plan.parallel, rule.source, rule.destination, rule.delete, rule.referrers) == (
        *(2, "a.example/x", "oci:x"),
        *(True, False),
    )
    assert plan.rate == parse_rate("1m")
    assert rule.tags.choose(["v1.0", "v2.0", "1.1"]) == ["v1.0"]
    for wrong, why in {
        "": r"no \[\[mirror\]\]",
        "[[mirror]]\nfrom = 'a'": "needs from and to",
        "[[mirror]]\nfrom = 'a'\nto = 'b'\ntag = ['x']": "mirror 1: unknown key tag",
        "[[mirror]]\nfrom = 'a'\nto = 'b'\nnewest = true": "newest = True is not a int",
        "[[mirror]]\nfrom = 'a'\nto = 'b'\nversions = '!'": "invalid range",
        "x = 1\n[[mirror]]\nfrom = 'a'\nto = 'b'": "unknown key x",
        "limit-rate = 'quick'\n[[mirror]]\nfrom = 'a'\nto = 'b'": "limit-rate: ",
        "[": "mirrors.toml: ",
    }.items():
        file.write_text(wrong)
        with pytest.raises(InvalidMirrorFile, match=why):
            read_plan(HostPath(file), parse_rate)


def test_the_command(tmp_path: Path, source: Corner, target: Corner, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str, code: int = 0) -> str:
        assert main(["--root", str(tmp_path / "root"), "mirror", *words]) == code
        return "".join(capsys.readouterr())

    places = f"{source}/ada/tools", f"{target}/tools"
    first = said(*places, "--versions", ">=1 <2", "--dry-run")
    assert first.splitlines()[-1] == "2 would be copied, 0 up to date"
    lines = said(*places, "--versions", ">=1 <2", "--parallel", "1", "--limit-rate", "100m").splitlines()
    assert lines[0].startswith(f"copied  {target}/tools:1.0@sha256:")
    assert lines[-1].startswith("2 copied, 0 up to date (")
    assert said(*places, "--tag", "1.*").splitlines()[0].startswith("0 copied, 2 up to date")
    told = [json.loads(line) for line in said(*places, "--newest", "1", "--format", "json", "--delete").splitlines()]
    assert [(one["status"], one["destination"].rpartition(":")[2]) for one in told] == [
        *[("copied", "2.0"), ("deleted", "1.0"), ("deleted", "1.1")]
    ]
    assert said(f"{source}/none", places[1], "--delete", code=1).partition("error: ")[2]
    file = tmp_path / "mirrors.toml"
    file.write_text(f'[[mirror]]\nfrom = "{places[0]}"\nto = "{places[1]}"\n')
    assert said("--config", str(file)).splitlines()[-1].startswith("3 copied, 1 up to date")
    said("--config", str(file), "--delete", code=125)
    said(places[0], code=125)
