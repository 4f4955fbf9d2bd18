"""The OCI distribution conformance suite against our registry.

The suite is a Go program (``conformance/`` of opencontainers/distribution-spec); OCI_CONFORMANCE names its binary.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from boxwright.hub.db.database import default_url
from support.hub_kit import BY, PASSWORD, house
from support.registry_process import ServerProcess, serving
from support.s3 import s3_server

pytestmark = [pytest.mark.peer]


@pytest.mark.parametrize("sparse", [False, True], ids=["whole", "sparse"])
@pytest.mark.parametrize("version", ["1.0", "1.1", "dev"])
def test_the_suite_passes(tmp_path: Path, version: str, sparse: bool) -> None:
    suite = os.environ.get("OCI_CONFORMANCE")
    if not suite:
        pytest.skip("OCI_CONFORMANCE does not name the conformance suite's binary")
    with serving(tmp_path / "registry", server={"sparse": sparse}) as server:
        pass_suite(suite, server, tmp_path, OCI_VERSION=version, OCI_DATA_SPARSE=json.dumps(sparse))


def test_the_suite_passes_with_accounts(tmp_path: Path) -> None:
    suite = os.environ.get("OCI_CONFORMANCE")
    if not suite:
        pytest.skip("OCI_CONFORMANCE does not name the conformance suite's binary")
    with house(default_url(tmp_path)) as made:
        made.directory.add_user("conformance", made.passwords.hash(PASSWORD), BY)
    with serving(tmp_path, hub=True) as server:
        login = {"OCI_USERNAME": "conformance", "OCI_PASSWORD": PASSWORD}
        pass_suite(suite, server, tmp_path, OCI_VERSION="dev", **login)


def test_the_suite_passes_with_blobs_in_a_bucket(tmp_path: Path) -> None:
    suite = os.environ.get("OCI_CONFORMANCE")
    if not suite:
        pytest.skip("OCI_CONFORMANCE does not name the conformance suite's binary")
    with s3_server() as s3, serving(tmp_path / "registry", storage={"url": s3.location()}) as server:
        pass_suite(suite, server, tmp_path, OCI_VERSION="dev")


def pass_suite(suite: str, server: ServerProcess, folder: Path, **settings: str) -> None:
    fixed = {
        "OCI_REGISTRY": server.address,
        "OCI_TLS": "disabled",
        "OCI_REPO1": "conformance/one",
        "OCI_REPO2": "conformance/two",
        "OCI_RESULTS_DIR": str(folder / "results"),
    }
    environment = {**os.environ, **fixed, **settings}
    done = subprocess.run([suite], capture_output=True, text=True, cwd=folder, env=environment, timeout=250)
    assert re.search(r"OCI Conformance Result: Pass", done.stdout), done.stderr
    assert done.returncode == 0
