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

from support.registry_process import serving

pytestmark = [pytest.mark.peer]


@pytest.mark.parametrize("sparse", [False, True], ids=["whole", "sparse"])
@pytest.mark.parametrize("version", ["1.0", "1.1", "dev"])
def test_the_suite_passes(tmp_path: Path, version: str, sparse: bool) -> None:
    suite = os.environ.get("OCI_CONFORMANCE")
    if not suite:
        pytest.skip("OCI_CONFORMANCE does not name the conformance suite's binary")
    with serving(tmp_path / "registry", server={"sparse": sparse}) as server:
        settings = {
            "OCI_REGISTRY": server.address,
            "OCI_TLS": "disabled",
            "OCI_REPO1": "conformance/one",
            "OCI_REPO2": "conformance/two",
            "OCI_VERSION": version,
            "OCI_DATA_SPARSE": json.dumps(sparse),
            "OCI_RESULTS_DIR": str(tmp_path / "results"),
        }
        done = subprocess.run(
            [suite], capture_output=True, text=True, cwd=tmp_path, env={**os.environ, **settings}, timeout=250
        )
    assert re.search(r"OCI Conformance Result: Pass", done.stdout), done.stderr
    assert done.returncode == 0
