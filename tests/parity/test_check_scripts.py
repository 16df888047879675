# SPDX-License-Identifier: Apache-2.0
"""scripts/check.sh stops at a failing gate and names it; scripts/check_layers.py can fail."""

import pathlib
import shutil
import subprocess

import pytest

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"


@pytest.fixture
def repository(tmp_path):
    (tmp_path / "scripts").mkdir()
    for name in ("check.sh", "check_layers.py", "debian-packages-dev.txt"):
        shutil.copy(SCRIPTS / name, tmp_path / "scripts" / name)
    (tmp_path / "models").mkdir()
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    return tmp_path


def check(repository, *gates):
    return subprocess.run([repository / "scripts/check.sh", *gates], capture_output=True, text=True,
                          check=False)


def test_every_layer_rule_can_fail():
    subprocess.run([SCRIPTS / "check_layers.py", "--self-test"], check=True)


def test_clean_repository_passes(repository):
    (repository / "models/a.cpp").write_text("// SPDX-License-Identifier: Apache-2.0\n")
    result = check(repository, "layers")
    assert result.returncode == 0, result.stderr
    assert "all gates passed: layers" in result.stderr


def test_failing_gate_is_named_with_file_and_line(repository):
    (repository / "models/a.cpp").write_text("// SPDX-License-Identifier: Apache-2.0\n"
                                             "#include <caf/all.hpp>\n")
    result = check(repository, "layers", "release")
    assert result.returncode == 1
    assert "models/a.cpp:2: third-party: <caf/all.hpp> belongs to actors/" in result.stdout
    assert "FAILED at gate layers" in result.stderr
    assert "gate release" not in result.stderr


def test_two_types_of_one_name_are_refused(repository):
    spdx = "// SPDX-License-Identifier: Apache-2.0\n"
    (repository / "models/a.h").write_text(spdx + "struct Part {\n};\nclass Other;\n")
    (repository / "models/b.cpp").write_text(
        spdx + "namespace {\nstruct Part {\n};\n}  // namespace\nstruct Other {\n};\n")
    assert check(repository, "layers").returncode == 0
    (repository / "models/c.h").write_text(spdx + "class Part final : public Other {\n};\n")
    result = check(repository, "layers")
    assert result.returncode == 1
    assert "models/c.h:2: type-name: Part is defined in models/a.h as well" in result.stdout


def test_unknown_gate_runs_nothing(repository):
    result = check(repository, "layers", "nonsense")
    assert result.returncode == 2
    assert "unknown gate nonsense" in result.stderr
    assert "gate layers" not in result.stderr
