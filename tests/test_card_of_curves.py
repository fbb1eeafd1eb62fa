"""The card and the other documents of curves that were imported."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from huggingface_hub import DatasetCard
from jinja2 import UndefinedError

from dataset_card.build import TEMPLATES, build, build_card
from seedbench.trialset import (
    validate_folder,
)
from seedbench.trialset.importing import ImportOptions, import_curves
from seedbench.trialset.publish import problems


@pytest.fixture
def curves(tmp_path: Path) -> Path:
    """What `seedbench trials import` makes of curves of two tasks that nobody knows: scores, and nothing else."""
    lines = ["model,task,recipe,weight_init_seed,data_order_seed,step,score"]
    for task in ("theirs", "ours1"):
        for seed in range(16):
            lines += [
                f"our-model,{task},mine,{seed % 4},{seed // 4},{10 * at},{0.5 + seed / 100 + at / 50}" for at in (1, 2)
            ]
    (tmp_path / "curves.csv").write_text("\n".join(lines))
    import_curves(tmp_path / "curves.csv", tmp_path / "set", ImportOptions(name="somebody/curves"))
    return tmp_path / "set"


def test_the_card_of_imported_curves_that_are_better_low_and_have_a_test_set(tmp_path: Path) -> None:
    """Perplexities of one seed a run: 2 and 4 at best."""
    lines = ["seed,step,ppl,held", "1,10,9,9", "1,20,2,3", "2,10,8,8", "2,20,4,5"]
    (tmp_path / "curves.csv").write_text("\n".join(lines))
    options = ImportOptions(model="m", task="lm", recipe="r", score="ppl", test_score="held", minimize=True)
    import_curves(tmp_path / "curves.csv", tmp_path / "set", options)
    card = build_card(tmp_path / "set")
    assert "Scores are what those who recorded them call `ppl` for lm, lower is better." in card
    assert "| m | lm | r | 2 | 2 | not known | 2 | 3.000 | 2.000–4.000 | not known |" in card
    assert "| 2.000–4.000 | not known | 4.000 |" in card  # the test scores 3 and 5 of those two
    assert "|  | best |\n|---|---|\n| **1** | 2.000 |\n| **2** | 4.000 |" in card
    assert "Which examples the test scores of lm are of is not recorded here." in card
    assert "best scores have a standard deviation of 1.41 over the seeds and a range of 2.00" in card
    assert "What there is to win:\n" in card and "hundredths" not in card


def test_a_set_of_imported_curves_of_unknown_tasks_has_all_its_documents(curves: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "dataset_card.build", curves], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    documents = ["CITATION.cff", "README.md", "croissant.json", "curves-theirs.png", "curves-ours1.png"]
    assert sorted(path.name for path in curves.iterdir() if path.is_file()) == sorted([*documents, "manifest.json"])
    assert problems(curves, "somebody/curves", "1.0.0") == []
    assert validate_folder(curves) == []
    assert build(curves) == {name: (curves / name).read_bytes() for name in documents}


def test_the_card_of_imported_curves_says_what_is_not_known_and_claims_nothing(curves: Path) -> None:
    card = build_card(curves)
    assert "{%" not in card and "{{" not in card
    for said in (
        "32 fine-tuning trials on ours1 and theirs: curves from elsewhere",
        "Scores are what those who recorded them call `score` for ours1, higher is better; `score` for theirs, higher",
        "| `learning_rate` | not recorded | not recorded |",
        "| `train_examples` | not recorded | not recorded |",
        "our-model, theirs, mine: how they were run is not recorded.",
        "No trial diverged, as far as is recorded",
        "Under which licence these curves may be used is not known here",
        "| `theirs` | not known here |",
        "our-model (licence not known here)",
        'protocol="dodge2020"',
    ):
        assert said in card, said
    for claimed in ("GLUE", "CC BY", "classifier's weights", "paper's code", "predictions", "The dev sets are small"):
        assert claimed not in card.partition("## Fields")[0] + card.partition("## Limits")[2], claimed
    front = yaml.safe_load(DatasetCard(card).data.to_yaml())
    assert front["license"] == "unknown"
    assert not front.keys() & {"language", "task_categories", "task_ids", "source_datasets"}


def test_the_documents_of_imported_curves_claim_no_licence(curves: Path) -> None:
    documents = {name: content.decode() for name, content in build(curves).items() if not name.endswith(".png")}
    citation = yaml.safe_load(documents["CITATION.cff"])
    assert "license" not in citation and citation["authors"] == [{"name": "somebody"}]
    assert not json.loads(documents["croissant.json"]).keys() & {"license", "inLanguage"}


def test_the_code_in_the_card_of_imported_curves_runs(curves: Path) -> None:
    card = build_card(curves).split("import seedbench\n", 1)[1].split("```")[0]
    exec(f"import seedbench\n{card}".replace("somebody/curves", str(curves)).replace(', revision="v1.0.0"', ""), {})


def test_the_documents_of_a_folder_name_no_place_on_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set that has no name there, as `trials import` makes it; the code of its card runs in its folder."""
    lines = [
        f"m,mine,r,{seed % 4},{seed // 4},{at},{0.5 + seed / 100 + at / 50}" for seed in range(16) for at in (1, 2)
    ]
    (tmp_path / "c.csv").write_text(
        "\n".join(["model,task,recipe,weight_init_seed,data_order_seed,step,score", *lines])
    )
    import_curves(tmp_path / "c.csv", tmp_path / "set", ImportOptions())
    documents = {name: content.decode() for name, content in build(tmp_path / "set").items() if name[-4:] != ".png"}
    for name, text in documents.items():
        assert not re.search(r"huggingface\.co/datasets|hf://|CHANGELOG|revision=", text), name
    assert yaml.safe_load(documents["CITATION.cff"])["authors"] == [{"name": "those who recorded them"}]
    monkeypatch.chdir(tmp_path / "set")
    with_pandas, with_seedbench = re.findall(r"```python\n(.*?)```", documents["README.md"], re.DOTALL)[1:3]
    exec(with_pandas, {})
    exec(with_seedbench, {})


def test_the_card_calls_seeds_as_their_user_does(tmp_path: Path) -> None:
    lines = ["wi,step,acc", "init-a,1,0.5", "init-b,1,0.6"]
    (tmp_path / "c.csv").write_text("\n".join(lines))
    seeds = {"weight_init_seed": "wi", "data_order_seed": "wi"}
    import_curves(
        tmp_path / "c.csv", tmp_path / "set", ImportOptions(model="m", task="t", recipe="r", score="acc", **seeds)
    )
    assert "| **init-a** | 0.500 |\n| **init-b** | 0.600 |" in build_card(tmp_path / "set")


@pytest.mark.parametrize("template", ["template.md", "citation.bib", "citation.cff"])
def test_a_name_without_a_value_is_an_error(template: str) -> None:
    with pytest.raises(UndefinedError, match="is undefined"):
        TEMPLATES.get_template(template).render(version="1.0.0")
