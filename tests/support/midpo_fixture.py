# SPDX-License-Identifier: Apache-2.0
"""The `midpo` fixture; a conftest.py imports it by name."""
import pytest

import midpo_cli


@pytest.fixture(scope="session")
def midpo():
    """The command-line helper; fails early where nothing is built."""
    if not midpo_cli.BINARY.exists():
        pytest.fail(f"{midpo_cli.BINARY} is missing: build it, or set MIDPO_BUILD_DIR",
                    pytrace=False)
    return midpo_cli
