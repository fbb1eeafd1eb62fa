"""Published versions, loaded with the real clients as their users do: datasets, pandas, seedbench."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from seedbench.evaluation import evaluate
from seedbench.trialset import load_trials, read_manifest
from tests.hub.client import Client, environment
from tests.hub.hub import GUEST, MAINTAINER, LocalHub
from tests.hub.test_publish import publish, trial_set
from tests.synthetic import split_like_training

REPO = "seedbench/bert-glue-trials"


@pytest.fixture(scope="session")
def published(hub: LocalHub, client: Client, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Version -> the folder that was published as it. 1.1.0 has another task beside the first."""
    few = split_like_training(5, 4, seed=1)
    more = (few, split_like_training(4, 4, task="rte", seed=2))
    versions = {"1.0.0": (few,), "1.1.0": more}
    folders = {}
    for version, splits in versions.items():
        folders[version] = trial_set(tmp_path_factory.mktemp("published") / version, REPO, version, *splits)
        assert publish(client, folders[version], version, repo=REPO).code == 0
    return folders


def rows(folder: Path, config: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    table = pq.read_table(folder / config / "sst2-00000-of-00001.parquet")
    return json.loads(json.dumps(table.to_pylist()))


def test_datasets_loads_a_version_whole_or_as_a_stream(client: Client, published: dict[str, Path]) -> None:
    found = client.run(
        """
        from datasets import get_dataset_config_names, load_dataset

        whole = load_dataset("seedbench/bert-glue-trials", revision="v1.0.0")
        predictions = load_dataset("seedbench/bert-glue-trials", "predictions", revision="v1.0.0")
        stream = load_dataset("seedbench/bert-glue-trials", "predictions", revision="v1.0.0", streaming=True)
        result = {
            "configs": get_dataset_config_names("seedbench/bert-glue-trials", revision="v1.0.0"),
            "trials": {split: rows.to_list() for split, rows in whole.items()},
            "predictions": predictions["sst2"].to_list(),
            "stream": list(stream["sst2"].take(3)),
            "latest": {split: rows.num_rows for split, rows in load_dataset("seedbench/bert-glue-trials").items()},
        }
        """,
        token=None,
    )
    assert found["configs"] == ["trials", "predictions", "examples"]
    assert found["trials"] == {"sst2": rows(published["1.0.0"], "trials")}
    assert found["predictions"] == rows(published["1.0.0"], "predictions")
    assert found["stream"] == found["predictions"][:3]
    assert found["latest"] == {"rte": 16, "sst2": 20}  # main is the version after


def test_pandas_reads_the_files_of_a_version(client: Client, published: dict[str, Path]) -> None:
    found = client.run(
        """
        import pandas as pd

        read = pd.read_parquet(
            "hf://datasets/seedbench/bert-glue-trials@v1.0.0/trials/sst2-00000-of-00001.parquet",
            columns=["trial_id", "score"],
        )
        result = [read["trial_id"].tolist(), [score.tolist() for score in read["score"]]]
        """,
        token=None,
    )
    expected = rows(published["1.0.0"], "trials")
    assert found == [[row["trial_id"] for row in expected], [row["score"] for row in expected]]


def test_the_examples_of_the_card_run_word_for_word(client: Client, published: dict[str, Path]) -> None:
    card = (published["1.1.0"] / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert len(blocks) == 3 and all('"seedbench/bert-glue-trials"' in block or "hf://" in block for block in blocks)
    for block in blocks:
        said = len(client.said)
        client.run(block, token=None)
        assert "few" in client.said[said:]  # the recipe


def test_seedbench_loads_once_verifies_and_records_the_commit(
    hub: LocalHub, client: Client, published: dict[str, Path], tmp_path: Path
) -> None:
    commit = hub.tags(REPO)["v1.0.0"]
    code = dedent(
        """
        from seedbench import load_trials
        loaded = load_trials("seedbench/bert-glue-trials", revision=revision)
        result = [loaded.name, loaded.version, loaded.sha256, loaded.revision, [table.name for table in loaded.tables]]
        """
    )
    expected = [REPO, "1.0.0", read_manifest(published["1.0.0"]).sha256, commit, ["mini/sst2/few"]]
    assert client.run(code, token=None, revision="v1.0.0") == expected
    before = len(hub.requests)
    assert client.run(code, token=None, revision="v1.0.0") == expected
    assert client.run(code, token=None, revision=commit) == expected
    assert not [request for request in hub.requests[before:] if "/resolve/" in request or "/large/" in request]
    assert client.run(code, token=None, revision=None)[1:4:2] == ["1.1.0", hub.tags(REPO)["v1.1.0"]]

    out = tmp_path / "result.json"
    options = ["--budget", "2", "--replicates", "4", "--processes", "1", "--json", out]
    ended = client.seedbench("evaluate", "patience", "--trials", REPO, "--revision", "v1.0.0", *options, token=None)
    assert (ended.code, ended.err) == (0, "")
    found = json.loads(out.read_text())
    assert found["trials"] == {"name": REPO, "version": "1.0.0", "sha256": expected[2], "revision": commit}
    here = evaluate("patience", trials=load_trials(published["1.0.0"]), budgets=[2], replicates=4, processes=1)
    assert found["rows"] == json.loads(here.to_json())["rows"]
    shown = client.seedbench("trials", REPO, "--revision", "v1.0.0", token=None)
    assert shown.code == 0 and f"Hub commit {commit}" in shown.out


@pytest.mark.parametrize("hub", ["lfs"], indirect=True)
def test_what_is_in_the_cache_needs_no_hub_and_damage_is_told(
    hub: LocalHub, published: dict[str, Path], tmp_path: Path
) -> None:
    home, xet = tmp_path / "home", hub.xet is not None
    command = [sys.executable, "-m", "seedbench", "trials", REPO, "--revision", "v1.0.0"]
    settings = environment(hub.url, home, xet=xet)
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")  # no progress bars where there is no terminal
    before = len(hub.requests)
    with Client(hub.url, home, xet=xet, offline=True) as client:
        ended = client.seedbench("trials", REPO, "--revision", "v1.0.0")
        assert ended.code == 0 and "seedbench/bert-glue-trials 1.0.0" in ended.out
        ended = client.seedbench("trials", REPO, "--revision", "v1.1.0")
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == (
            f"seedbench: error: {REPO}: neither a folder here nor to be had from the Hub at revision v1.1.0 "
            "(it is not in the local cache, and HF_HUB_OFFLINE is set)\n"
        )
        (path,) = home.rglob("snapshots/*/trials/sst2-00000-of-00001.parquet")
        content = path.read_bytes()
        path.resolve().write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        ended = client.seedbench("trials", REPO, "--revision", "v1.0.0")
        assert ended.code == 2 and "its SHA-256 is " in ended.err and len(ended.err.splitlines()) == 1
    assert len(hub.requests) == before


@pytest.mark.parametrize("hub", ["xet"], indirect=True)
def test_what_cannot_be_had_is_one_line(
    hub: LocalHub, client: Client, published: dict[str, Path], tmp_path: Path
) -> None:
    private = trial_set(tmp_path / "private", "seedbench/secret-trials", "1.0.0", split_like_training(2, 2, seed=3))
    assert publish(client, private, "1.0.0", "--private", repo="seedbench/secret-trials").code == 0

    def refused(*arguments: str, token: str | None) -> str:
        ended = client.seedbench("trials", *arguments, token=token)
        assert (ended.code, ended.out) == (2, "") and len(ended.err.splitlines()) == 1, ended
        return ended.err

    assert client.seedbench("trials", "seedbench/secret-trials", token=MAINTAINER).code == 0
    with Client(hub.url, tmp_path / "home", token=GUEST) as guest:  # with a cache of its own
        ended = guest.seedbench("trials", "seedbench/secret-trials")
        assert (ended.code, ended.out) == (2, "") and len(ended.err.splitlines()) == 1
        assert "(no such dataset repo, or a private or gated one that this token may not read)" in ended.err
        ended = guest.seedbench("trials", "seedbench/secret-trials", token=None)
        assert "(no such dataset repo, or a private or gated one that cannot be read without a token)" in ended.err
    assert "at revision v9.9.9 (it has no such revision)" in refused(REPO, "--revision", "v9.9.9", token=None)
    assert "(no such dataset repo, or " in refused("seedbench/none", token=None)

    hub.new_repo("dataset", "seedbench/empty", False, "maintainer")
    assert "manifest.json: No such file or directory" in refused("seedbench/empty", token=None)
