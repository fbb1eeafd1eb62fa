"""`.github/docs/live.md` is executed, from top to bottom."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from pathlib import Path

import pytest

pytest.importorskip("accelerate", reason="transformers.Trainer needs it")
pytest.importorskip("optuna", reason="needs the extra 'optuna'")

from seedbench.cli import main
from tests.live.conftest import ROOT

PAGE = (ROOT / ".github" / "docs" / "live.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```\n", PAGE, re.DOTALL)


def test_the_page_is_executed(monkeypatch, tmp_path, capfd) -> None:
    from transformers import BertConfig, BertModel, BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"a fine film what bore and moving mess".split()]
    monkeypatch.chdir(tmp_path)
    Path("model").mkdir()
    Path("model/vocab.txt").write_text("\n".join(words) + "\n")
    BertTokenizer("model/vocab.txt").save_pretrained("model")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained("model")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.syspath_prepend(str(tmp_path))

    executed = {"python": 0, "bash": 0}
    for language, text in BLOCKS:
        if language == "text":
            continue
        executed[language] += 1
        if named := re.match(r"# file: (\S+)\n", text):
            Path(named[1]).write_text(text[named.end() :])
        elif language == "python":
            exec(compile(text, "live.md", "exec"), {"__name__": "page"})
            assert capfd.readouterr().out.strip()
        else:
            for line in text.strip().splitlines():
                monkeypatch.setattr(sys, "argv", shlex.split(line))
                with pytest.raises(SystemExit) as ended:
                    main()
                out, err = capfd.readouterr()
                assert ended.value.code == 0, f"{line}\n{out}\n{err}"
    assert executed == {"python": 7, "bash": 4}
    reports = {folder: json.loads(Path(folder, "report.json").read_text()) for folder in ("first", "second", "fourth")}
    assert all(report["spent"] == report["plan"]["budget"] for report in reports.values())
    assert not any(trial["status"] == "failed" for report in reports.values() for trial in report["trials"])
    assert Path(reports["fourth"]["kept"]["saved"], "model.safetensors").is_file()


def test_the_page_is_linked_and_its_links_lead_somewhere() -> None:
    assert "(.github/docs/live.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line[3:].lower()).replace(" ", "-") for line in PAGE.splitlines() if line[:3] == "## "
    }
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= headings
