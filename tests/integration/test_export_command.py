# SPDX-License-Identifier: Apache-2.0
"""midpo export: what it refuses, and what it leaves alone."""


def test_options_that_do_not_go_together(midpo, tmp_path):
    common = ["export", "--model", tmp_path, "--output", tmp_path / "out"]
    for more, text in (
            ([], "give either --adapter"),
            (["--adapter", "a", "--router", "r"], "give either --adapter"),
            (["--safety-adapter", "s", "--router", "r"], "needs both"),
            (["--adapter", "a"], "format hf needs a mixture"),
            (["--safety-adapter", "s", "--helpfulness-adapter", "h", "--router", "r",
              "--dtype", "float32"], "keeps the base model's weights"),
            (["--safety-adapter", "s", "--helpfulness-adapter", "h", "--router", "r",
              "--alpha", 0.3], "alpha and beta stand in"),
            (["--format", "merged", "--adapter", "a", "--beta", 0.3], "alpha and beta stand in")):
        result = midpo.run(*common, *more)
        assert result.returncode == midpo.EXIT_USAGE
        assert text in result.stderr


def test_a_score_model_is_no_base(midpo, tmp_path, world):
    result = midpo.run("export", "--format", "merged", "--model", world / "reward",
                       "--adapter", tmp_path, "--output", tmp_path / "out")
    assert result.returncode == midpo.EXIT_USAGE
    assert "wanted a language model" in result.stderr
    assert not (tmp_path / "out").exists()


def test_the_output_may_not_be_read_as_well(midpo, tmp_path):
    result = midpo.run("export", "--format", "merged", "--model", tmp_path, "--adapter", "a",
                       "--output", tmp_path)
    assert result.returncode == midpo.EXIT_USAGE
    assert "is also read" in result.stderr
