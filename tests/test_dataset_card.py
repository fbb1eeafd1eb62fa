"""The card and the other documents of a trial set, and the trial set as the `datasets` library sees it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from huggingface_hub import DatasetCard

from dataset_card.build import build, build_card
from dataset_card.metadata import feature
from dataset_card.picture import draw
from dataset_card.tasks import TASKS as OF_TASKS
from dataset_card.whose import PILOTED
from seedbench.tasks import TASKS
from seedbench.trialset import (
    BUNDLED,
    load_trials,
    read_manifest,
    to_arrow,
    validate_folder,
    write_trials,
)
from seedbench.trialset.files import is_document, picture_of, read_split
from seedbench.trialset.publish import problems
from seedbench.trialset.schema import CONFIGS
from tests.hub.client import Client
from tests.synthetic import by_runners, configs_of, split_like_training, split_of, write


def write_card(folder: Path) -> str:
    card = build_card(folder)
    (folder / "README.md").write_text(card)
    return card


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A process with `datasets`, its own caches and no network."""
    with Client("http://127.0.0.1:9", tmp_path_factory.mktemp("home"), offline=True) as client:
        yield client


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial set with every config and all documents."""
    folder = tmp_path_factory.mktemp("documented") / "set"
    splits = [
        by_runners(split_like_training(3, 3, seed=1)),
        by_runners(split_like_training(2, 3, task="mrpc", seed=2)),
    ]
    configs = configs_of(*splits)
    for split in splits:
        names = [row["trial_id"] for row in split.trials]
        steps = [{"trial_id": name, "step_train_loss": np.ones(15), "gradient_norm": np.ones(15)} for name in names]
        logits = [{"trial_id": name, "logits": np.zeros((5, 60, 2), np.float16)} for name in names]
        configs.setdefault("steps", {})[split.task] = steps
        configs.setdefault("logits", {})[split.task] = logits
    write_trials(folder, configs, name="seedbench/documented", version="1.2.3")
    for name, content in build(folder).items():
        (folder / name).write_bytes(content)
    return folder


# --- the card ---------------------------------------------------------------------------------------------------------


def test_the_card_is_a_card_and_names_every_config_split_and_feature(documented: Path) -> None:
    card = DatasetCard.load(documented / "README.md")
    found = yaml.safe_load(card.data.to_yaml())
    manifest = read_manifest(documented)
    configs = {entry["config_name"]: entry for entry in found["configs"]}
    assert list(configs) == list(CONFIGS)
    assert [name for name, entry in configs.items() if entry.get("default")] == ["trials"]
    for name, entry in configs.items():
        assert {split["split"]: split["path"] for split in entry["data_files"]} == manifest.shards(name)
        assert manifest.sha256 in entry["description"]
    for info in found["dataset_info"]:
        shards = manifest.shards(info["config_name"])
        columns = CONFIGS[info["config_name"]].columns
        assert [field["name"] for field in info["features"]] == [column.name for column in columns]
        sizes = [(documented / path).stat().st_size for paths in shards.values() for path in paths]
        assert info["download_size"] == sum(sizes)
        rows = {"mrpc": 6, "sst2": 9} if info["config_name"] != "examples" else {"mrpc": 110, "sst2": 110}
        assert {split["name"]: split["num_examples"] for split in info["splits"]} == rows
    assert (found["license"], found["language"], found["source_datasets"]) == ("cc-by-4.0", "en", ["nyu-mll/glue"])
    assert "tabular" in found["tags"] and found["size_categories"] == ["n<1K"] and found["pretty_name"]
    assert found["task_categories"] == ["text-classification"]
    assert found["task_ids"] == ["semantic-similarity-classification", "sentiment-classification"]


def test_what_is_said_of_our_own_trials_alone_is_not_said_of_others(tmp_path: Path) -> None:
    """Somebody else's trials by the runners: how they were made is known, who may do what with them is not."""
    folder = write(tmp_path / "set", by_runners(split_like_training(3, 3)), name="some/trials")
    documents = {name: content.decode() for name, content in build(folder).items() if not name.endswith(".png")}
    card = documents["README.md"]
    assert "### What differs from the paper" in card and "with the prediction for every dev example" in card
    for said in ("pilots", "of smaller models", "still to come", "CC BY", "ours to license"):
        assert said not in card, said
    assert "license: unknown" in card and "Under which licence these trials may be used is not known here." in card
    citation, croissant = yaml.safe_load(documents["CITATION.cff"]), json.loads(documents["croissant.json"])
    assert citation["authors"] == [{"name": "some"}] and "license" not in citation
    assert croissant["creator"]["name"] == "some" and "license" not in croissant


def test_a_licence_that_is_given_stands_in_every_document(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", by_runners(split_like_training(3, 3)), name="some/trials")
    documents = {name: content.decode() for name, content in build(folder, "cc0-1.0").items() if name[-4:] != ".png"}
    assert "license: cc0-1.0" in documents["README.md"]
    assert "The trial data are under CC0 1.0." in documents["README.md"]
    assert yaml.safe_load(documents["CITATION.cff"])["license"] == "CC0-1.0"
    assert json.loads(documents["croissant.json"])["license"].endswith("/publicdomain/zero/1.0/")
    command = [sys.executable, "-m", "dataset_card.build", str(folder), "--licence", "free"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert (done.returncode, done.stderr.count("\n")) == (
        2,
        1,
    ) and "must be one of apache-2.0, cc-by-4.0" in done.stderr
    assert not (folder / "README.md").exists()


@pytest.mark.parametrize("record", [{}, {"engine": "their-own"}, {"engine": "stacked"}])
def test_trials_of_another_program_are_not_taken_for_the_runners(tmp_path: Path, record: dict[str, str]) -> None:
    """They have predictions, and some say an engine, which anybody may record; nothing says how they were trained."""
    split = split_like_training(3, 3)
    theirs = replace(split, trials=[trial | record for trial in split.trials])
    card = build_card(write(tmp_path / "set", theirs, name="some/trials"))
    assert "9 fine-tuning trials of pretrained models on GLUE tasks: curves from elsewhere" in card
    for claimed in (
        "classifier's weights",
        "### What differs",
        "the runners' stream",
        "CC BY",
        "0.0 %",
        "nobody trains",
    ):
        assert claimed not in card, claimed
    assert "Where it is from, and whether\ntrials could train on it, is not recorded." in card
    ours = by_runners(split_like_training(2, 2, recipe="ours", seed=2))
    both = build_card(write(tmp_path / "both", theirs, ours, name="some/trials"))
    assert "13 fine-tuning trials of pretrained models on GLUE tasks: 9 of them curves from elsewhere" in both
    assert "classifier's weights" not in both and "what the seeds draw is not recorded of all of them" in both


def test_what_a_trial_took_is_said_as_far_as_it_is_recorded(tmp_path: Path) -> None:
    split = split_like_training(1, 2)
    for evaluation, said in (
        (1800, "2.0 hours, validation included"),
        (None, "1.0 hours, as far as they are recorded"),
    ):
        trials = [trial | {"train_seconds": 1800, "evaluation_seconds": evaluation} for trial in split.trials]
        card = build_card(write(tmp_path / f"set-{evaluation}", replace(split, trials=trials)))
        assert f"- mini, sst2, few: {said}." in card


def test_the_card_of_our_own_set_names_the_rates_that_pilots_chose_and_no_others() -> None:
    """Those of the tables that a plan gives pilots to; of the others nobody says how their rates were chosen."""
    with open(Path(__file__).parents[1] / "runners" / "plans" / "glue-2.toml", "rb") as file:
        tables = tomllib.load(file)["tables"]
    by_pilots = {table["set"]["name"]: "pilots" in table for table in tables}
    assert {name for name, chosen in by_pilots.items() if chosen} == {*filter(PILOTED.fullmatch, by_pilots)}
    card = (BUNDLED / "README.md").read_text(encoding="utf-8")
    (said,) = (line for line in card.splitlines() if "were chosen by pilots" in line)
    recipes = {table.recipe for table in load_trials().tables}
    assert {name for name in recipes if f"`{name}`" in said} == {name for name in recipes if by_pilots.get(name)}


def test_features_by_hand() -> None:
    assert feature(pa.int32()) == {"dtype": "int32"}
    assert feature(pa.list_(pa.float64())) == {"list": "float64"}
    assert feature(pa.list_(pa.list_(pa.int8()))) == {"list": {"list": "int8"}}
    assert feature(pa.struct([("at", pa.date32())])) == {"struct": [{"name": "at", "dtype": "date32"}]}


@pytest.mark.parametrize("empty", [False, True])
def test_a_column_that_nobody_knows_is_a_feature_and_is_loaded(empty: bool, tmp_path: Path, client: Client) -> None:
    """In one task of the two; the other has nothing in it, or has it not."""
    mrpc, sst2 = (to_arrow("trials", split_like_training(2, 2, task=task).trials) for task in ("mrpc", "sst2"))
    if empty:
        mrpc = mrpc.append_column("energy", pa.nulls(4))
    sst2 = sst2.append_column("energy", pa.array([{"joules": float(at)} for at in range(4)]))
    write_trials(tmp_path / "set", {"trials": {"mrpc": mrpc, "sst2": sst2}}, name="some/trials", version="1.0.0")
    (tmp_path / "set/README.md").write_text(build_card(tmp_path / "set"), encoding="utf-8")
    (info,) = yaml.safe_load(DatasetCard.load(tmp_path / "set/README.md").data.to_yaml())["dataset_info"]
    assert info["features"][-1] == {"name": "energy", "struct": [{"name": "joules", "dtype": "float64"}]}
    code = "from datasets import load_dataset\nresult = {s: d['energy'][:] for s, d in load_dataset(folder).items()}"
    found = client.run(code, folder=str(tmp_path / "set"))
    assert found == {"mrpc": [None] * 4, "sst2": [{"joules": float(at)} for at in range(4)]}


def test_the_card_states_what_the_set_holds(trials_folder: Path) -> None:
    card = build_card(trials_folder)
    assert "{{ " not in card
    for table in load_trials(trials_folder).tables:
        row = next(line for line in card.splitlines() if f"| {table.task} | {table.recipe} |" in line)
        rows, columns = table.grid
        assert f"| {rows} × {columns} | {table.num_trials} |" in row
        assert f"{table.score.max(axis=1).mean():.3f}" in row
    for column in CONFIGS["trials"].columns:
        assert f"| `{column.name}` | `{column.type}` |" in card


def test_the_card_says_what_the_seeds_are_worth_and_where_trials_begin_to_differ(tmp_path: Path) -> None:
    """Ten examples, six of them positive. Both trials answer 1 at the first checkpoint; then 7 and 9 of 10 are right.

    Their mean best score, 0.8, lies 20 points above the majority's 0.6; they spread by sqrt(2) × 10 = 14.1 points.
    """
    label = np.array([1, 1, 1, 1, 1, 1, 0, 0, 0, 0], dtype=np.int8)
    constant = np.ones(10, dtype=np.int8)
    seven, nine = label.copy(), label.copy()
    seven[:3], nine[:1] = 0, 0
    predicted = [[[constant, seven], [constant, nine]], [[constant, nine]] * 2]
    split = split_of(predicted, label=label, missing=[(1, 0), (1, 1)])
    card = build_card(write(tmp_path / "set", split))
    assert "the mean best score lies 20.0 points above the majority class" in card
    assert "a standard deviation of 14.1 points over the seeds and a range of 20.0" in card
    assert (
        "the first checkpoint, of 2, is the same for all trials, in predictions: nothing can be decided there" in card
    )
    assert "the smallest has 10 examples, and one of them moves an accuracy by 10.00 points" in card
    assert "- mini, sst2, few: how they were run is not recorded." in card
    assert "`train_examples` | all |" in card and "`dropout` | not recorded |" in card
    assert "there\nfor every pair of seeds on a grid" in card  # a row without any trial is no row of the grid
    missing = build_card(write(tmp_path / "missing", split_of(predicted, label=label, missing=[(1, 0)])))
    assert "there\nfor the pairs of seeds on a grid, of which 1 is missing" in missing


def test_trials_that_never_differ_are_said_to(tmp_path: Path) -> None:
    label = np.array([1, 1, 1, 0], dtype=np.int8)
    card = build_card(write(tmp_path / "set", split_of([[[label, label], [label, label]]], label=label)))
    assert "the predictions of all trials are the same at every checkpoint" in card
    card = build_card(write(tmp_path / "curves", split_of([[[label, label]]], label=label), predictions=False))
    assert "the majority class" not in card and "the sizes of the dev sets are not recorded here" in card
    assert "standard deviation" not in card and "there is one trial, and nothing to choose" in card


def test_every_task_has_a_source_and_a_picture() -> None:
    assert OF_TASKS.keys() == TASKS.keys()
    assert all(is_document(picture_of(task)) for task in (*TASKS, "anything"))


# --- the other documents ----------------------------------------------------------------------------------------------


def test_the_documents_belong_to_a_valid_folder_and_come_out_the_same_again(documented: Path) -> None:
    names = {"README.md", "CITATION.cff", "croissant.json", "curves-mrpc.png", "curves-sst2.png"}
    assert {path.name for path in documented.iterdir() if path.is_file()} == {*names, "manifest.json"}
    assert validate_folder(documented) == []
    again = build(documented)
    assert {name: (documented / name).read_bytes() for name in names} == again


def test_the_pictures_are_pictures_that_the_card_shows(documented: Path) -> None:
    card = (documented / "README.md").read_text()
    for task in ("mrpc", "sst2"):
        content = (documented / f"curves-{task}.png").read_bytes()
        assert content.startswith(b"\x89PNG\r\n") and len(content) > 10_000
        assert f"](curves-{task}.png)" in card


def test_a_picture_has_a_panel_for_each_table_under_its_whole_name(tmp_path: Path) -> None:
    trials = load_trials()
    draw(trials, "sst2", tmp_path / "sst2.svg")
    drawn = (tmp_path / "sst2.svg").read_text(encoding="utf-8")
    recipes = [table.recipe for table in trials.tables if table.task == "sst2"]
    assert len(recipes) >= 9 and all(drawn.count(f">{recipe}<") == 1 for recipe in recipes)
    assert drawn.count(">50%<") == len(recipes) and "sst2: accuracy on the dev set" in drawn


def test_the_citation_names_version_checksum_and_paper(documented: Path) -> None:
    found = yaml.safe_load((documented / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= found.keys()  # what the format asks for
    assert (found["type"], found["version"], found["license"]) == ("dataset", "1.2.3", "CC-BY-4.0")
    assert found["identifiers"][0]["value"] == f"sha256:{read_manifest(documented).sha256}"
    assert found["references"][0]["authors"][0] == {"family-names": "Dodge", "given-names": "Jesse"}


def test_the_croissant_file_is_valid_and_reads_every_record(documented: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    manifest = read_manifest(documented)
    here = {path: str(documented / path) for path in manifest.files}
    dataset = mlcroissant.Dataset(jsonld=str(documented / "croissant.json"), mapping=here)  # raises where not valid
    assert not dataset.metadata.ctx.issues.errors
    assert {file.id: file.sha256 for file in dataset.metadata.distribution} == {
        **manifest.files,
        "manifest.json": manifest.sha256,
    }
    prefix = "https://huggingface.co/datasets/seedbench/documented/resolve/v1.2.3/"
    assert all(file.content_url == prefix + file.id for file in dataset.metadata.distribution)
    splits = {f"{config}/{task}": (config, task) for config in CONFIGS for task in manifest.shards(config)}
    assert {records.id for records in dataset.metadata.record_sets} == splits.keys()
    for name, (config, task) in splits.items():
        found = list(dataset.records(name))
        table = read_split(documented, manifest, config, manifest.shards(config)[task])
        assert len(found) == table.num_rows
        (keys,) = (records.key for records in dataset.metadata.record_sets if records.id == name)
        assert len({tuple(row[key] for key in keys) for row in found}) == table.num_rows
        first, row = found[0], table.slice(0, 1).to_pylist()[0]
        assert [key.removeprefix(f"{name}/") for key in first] == table.column_names
        if config == "trials":
            assert first[f"{name}/score"] == row["score"] and first[f"{name}/trial_id"].decode() == row["trial_id"]
        if config == "predictions":
            assert first[f"{name}/predicted_label"] == row["predicted_label"]


# --- `datasets` -------------------------------------------------------------------------------------------------------


def test_datasets_infers_exactly_the_documented_features_and_finds_every_value(
    documented: Path, client: Client
) -> None:
    manifest = read_manifest(documented)
    found = client.run(
        """
        from datasets import Features, load_dataset
        import yaml

        result = {}
        infos = yaml.safe_load(open(f"{folder}/README.md").read().split("---")[1])["dataset_info"]
        for info in infos:
            config = info["config_name"]
            by_card = load_dataset(folder, config)
            inferred = load_dataset("parquet", data_files={"sst2": f"{folder}/{config}/sst2-*.parquet"})
            result[config] = {
                "splits": {split: rows.num_rows for split, rows in by_card.items()},
                "documented": by_card["sst2"].features == Features._from_yaml_list(info["features"]),
                "inferred": inferred["sst2"].features == by_card["sst2"].features,
                "rows": by_card["sst2"].select(range(2)).to_list(),
            }
        """,
        folder=str(documented),
    )
    for config, of_config in found.items():
        assert of_config["documented"] and of_config["inferred"], config
        table = read_split(documented, manifest, config, manifest.shards(config)["sst2"])
        assert of_config["splits"]["sst2"] == table.num_rows
        assert of_config["rows"] == json.loads(json.dumps(table.slice(0, 2).to_pylist()))
    assert found.keys() == CONFIGS.keys()


def test_a_changed_folder_of_the_same_name_is_not_answered_from_the_cache(tmp_path: Path, client: Client) -> None:
    folder = tmp_path / "set"

    def scores(seed: int) -> list[list[float]]:
        shutil.rmtree(folder, ignore_errors=True)
        write(folder, split_like_training(4, 4, seed=seed))
        write_card(folder)
        code = "from datasets import load_dataset\nresult = load_dataset(folder, split='sst2')['score'][:]"
        return client.run(code, folder=str(folder))

    first, second = scores(1), scores(2)
    assert first != second
    assert second == load_trials(folder).tables[0].score.tolist()


def test_the_bundled_trial_set_has_its_documents_and_could_be_published() -> None:
    """Where this fails, the trials have changed: python -m dataset_card.build seedbench/bundled."""
    manifest = read_manifest(BUNDLED)
    assert problems(BUNDLED, manifest.name, manifest.version) == []
    assert (BUNDLED / "README.md").read_text(encoding="utf-8") == build_card(BUNDLED)
    for name in ("CITATION.cff", "croissant.json"):
        assert manifest.sha256 in (BUNDLED / name).read_text(encoding="utf-8")


def test_a_folder_that_is_no_trial_set_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dataset_card.build", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "manifest.json" in done.stderr
    assert not (tmp_path / "README.md").exists()


@pytest.mark.parametrize("test_examples", [0, 40])
def test_the_code_in_the_card_scores_by_the_test_set_where_there_is_one(test_examples: int, tmp_path: Path) -> None:
    """Predictions alone are none: the default protocol needs test scores."""
    folder = write(tmp_path / "set", split_like_training(4, 4, test_examples=test_examples), name="some/trials")
    card = build_card(folder)
    _, code = card.split("import seedbench\n", 1)
    exec(
        f"import seedbench\n{code.split('```')[0]}".replace("some/trials", str(folder)).replace(
            ', revision="v1.0.0"', ""
        ),
        {},
    )
    assert ('protocol="dodge2020"' in card) == (not test_examples)
    assert ("seedbench therefore reports the test set's" in card) == bool(test_examples)


def test_the_card_says_where_the_test_set_is_from_and_who_has_none(tmp_path: Path) -> None:
    """What is known of the published rows is not said of others: these were drawn from another training file."""
    tested = by_runners(split_like_training(3, 3, seed=1, recipe="tested", test_examples=40))
    old = by_runners(split_like_training(3, 3, seed=2, recipe="old", test_examples=0))
    card = build_card(write(tmp_path / "set", tested, old))
    assert "| `sst2` | 40 | not measured | not measured |" in card and "held out of GLUE's training file" not in card
    assert "It\ncame with the data, or was drawn from the training examples by the runners' stream" in card
    bundled = (BUNDLED / "README.md").read_text(encoding="utf-8")
    assert "| `sst2` | 1,000 | 0.0 % | 0.0 % | `28d3f3a8` |" in bundled
    assert "held out of GLUE's training file" in bundled and "SST-2's training file has the phrases" in bundled
    assert "cannot" not in card and "These tables have no test set, since their trials could train on all" in card
    assert "sst2 old. They serve `seedbench findings`" in " ".join(card.split())
    assert "### The test set" not in build_card(write(tmp_path / "none", split_like_training(3, 3, test_examples=0)))
