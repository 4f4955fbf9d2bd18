"""SPDX and CycloneDX: what their own libraries say of the documents, and what stands in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from boxwright.oci.digest import Digest
from boxwright.oci.platform import Platform
from boxwright.sbom import cyclonedx, spdx
from boxwright.sbom.distribution import Distribution
from boxwright.sbom.inventory import Inventory, take_inventory
from boxwright.sbom.licence import is_expression, reference
from boxwright.sbom.package import Package
from boxwright.sbom.statement import statement
from boxwright.sbom.subject import Subject
from support import package_databases as trees

SUBJECT = Subject("ada/web:1", Digest("sha256:" + "ab" * 32), Platform("linux", "amd64"), "2026-11-25T08:00:00.25Z")
ODD = Package(
    "npm", 'x"<y>\ufffd', "", "/n/node_modules/x/package.json", "@a", (), "Odd licence, 2nd (ed.)", "Bob", "src"
)


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    files = {
        "etc/os-release": trees.OS_RELEASE,
        "var/lib/dpkg/status": trees.DPKG,
        "lib/apk/db/installed": trees.APK,
        "s/zope.interface-6.1.dist-info/METADATA": trees.METADATA,
        "bin/tool": trees.go_program("mod\texample.com/tool\tv1.0.0\t\n"),
        "var/lib/rpm/Packages": b"",
    }
    found = take_inventory(trees.view(tmp_path, files))
    return found._replace(packages=(*found.packages, ODD))


def validated(data: bytes, form: str) -> dict[str, Any]:
    """Return a document that the format's own library finds nothing wrong with."""
    if form == "cyclonedx":
        schema = pytest.importorskip("cyclonedx.schema")
        validation = pytest.importorskip("cyclonedx.validation.json")
        pytest.importorskip("jsonschema")
        error = validation.JsonStrictValidator(schema.SchemaVersion.V1_6).validate_str(data.decode())
        assert error is None, error
    else:
        parser = pytest.importorskip("spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser")
        validator = pytest.importorskip("spdx_tools.spdx.validation.document_validator")
        document = parser.JsonLikeDictParser().parse(json.loads(data))
        assert [message.validation_message for message in validator.validate_full_spdx_document(document)] == []
    value: dict[str, Any] = json.loads(data)
    return value


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_spdx(inventory: Inventory) -> None:
    value = validated(spdx.document(SUBJECT, inventory), "spdx")
    assert (value["spdxVersion"], value["creationInfo"]["created"]) == ("SPDX-2.3", "2026-11-25T08:00:00Z")
    packages = {package["name"]: package for package in value["packages"]}
    assert packages["ada/web:1"]["primaryPackagePurpose"] == "CONTAINER"
    assert packages["debian"]["versionInfo"] == "12"
    assert packages["libc6"]["sourceInfo"] == "found in /var/lib/dpkg/status; made from glibc"
    assert packages["musl"]["licenseDeclared"] == "MIT"
    quoted = packages["zope-interface"]["licenseDeclared"]
    assert {"licenseId": quoted, "extractedText": "ZPL 2.1", "name": "ZPL 2.1"} in value["hasExtractedLicensingInfos"]
    locators = [ref["referenceLocator"] for package in value["packages"] for ref in package.get("externalRefs", [])]
    assert locators == [package.purl() for package in inventory.packages]
    contained = [r["relatedSpdxElement"] for r in value["relationships"] if r["relationshipType"] == "CONTAINS"]
    assert len(contained) == len(inventory.packages) + 1
    assert "/var/lib/rpm/Packages is left out" in value["creationInfo"]["comment"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_cyclonedx(inventory: Inventory) -> None:
    value = validated(cyclonedx.document(SUBJECT, inventory), "cyclonedx")
    assert value["metadata"]["component"]["name"] == "ada/web:1"
    components = {component["name"]: component for component in value["components"]}
    assert components["debian"]["type"] == "operating-system"
    assert components["musl"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert components["zope-interface"]["licenses"] == [{"license": {"name": "ZPL 2.1"}}]
    assert components["tool"]["group"] == "example.com"
    assert value["dependencies"][0]["dependsOn"] == [component["bom-ref"] for component in value["components"]]


@pytest.mark.parametrize("module", [spdx, cyclonedx])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_image_with_nothing_in_it(module: Any) -> None:
    empty = Inventory(Distribution(), (), ())
    subject = SUBJECT._replace(created="")
    first = module.document(subject, empty)
    validated(first, module.__name__.rpartition(".")[2])
    assert first == module.document(subject, empty)
    assert b"1970-01-01T00:00:00Z" in first


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MIT", True),
        ("MIT AND (Apache-2.0 OR BSD-3-Clause)", True),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0", True),
        ("LGPL-2.1-only+", True),
        ("", False),
        ("MIT OR", False),
        ("(MIT", False),
        ("MIT)", False),
        ("MIT Apache-2.0", False),
        ("GPLv3+", False),
        ("MIT WITH Apache-2.0", False),
        ("OR", False),
        ("(" * 10_000, False),
    ],
)
def test_what_is_an_expression(text: str, expected: bool) -> None:
    assert is_expression(text) is expected


def test_a_quoted_licence_has_a_name_of_its_own() -> None:
    assert reference("ZPL 2.1") != reference("ZPL-2.1")
    assert reference("ZPL 2.1").startswith("LicenseRef-ZPL-2.1-")
    assert reference("©").startswith("LicenseRef-text-")


def test_a_statement_names_the_manifest() -> None:
    value = json.loads(statement(["pkg:docker/web@1"], SUBJECT.id, spdx.PREDICATE, {"a": 1}))
    assert value == {
        "_type": "https://in-toto.io/Statement/v1",
        "predicateType": "https://spdx.dev/Document",
        "subject": [{"name": "pkg:docker/web@1", "digest": {"sha256": "ab" * 32}}],
        "predicate": {"a": 1},
    }
