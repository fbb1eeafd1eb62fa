"""A leaderboard entry: what is written can be read, and everything else that a stranger could send is refused."""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from seedbench import SeedbenchError, evaluate
from seedbench.sandbox.submittable import SOURCE_BYTES, check_source
from seedbench.submission import (
    ENTRY,
    SOURCE,
    Submission,
    contents,
    read_submission,
    slug_of,
    write_submission,
)

HONEST = '''"""The first trial."""
import math
from scipy import stats
from seedbench import Campaign, Trial


def strategy(campaign: Campaign) -> Trial:
    trial = campaign.start()
    while not trial.complete:
        trial.advance()
    return trial
'''


QUICK = HONEST.replace("from scipy import stats\n", "")  # which takes a process a second


@pytest.fixture(scope="module")
def entry(trials, tmp_path_factory) -> Submission:
    file = tmp_path_factory.mktemp("mine") / "mine.py"
    file.write_text(HONEST)
    claimed = evaluate(str(file), trials, budgets=[2], replicates=4)
    return Submission(
        "first-trial", "First trial", ("A. Author", "Zoë Ü."), "https://example.org/a?b=c#d", "MIT", "strategy", HONEST,
        claimed,
    )  # fmt: skip


@pytest.fixture
def folder(entry, tmp_path) -> Path:
    return write_submission(tmp_path, entry)


# --- written and read -------------------------------------------------------------------------------------------------


def test_what_is_written_can_be_read(entry, folder):
    assert read_submission(folder) == entry
    assert sorted(os.listdir(folder)) == [SOURCE, ENTRY] == ["strategy.py", "submission.json"]
    assert (folder / SOURCE).read_text() == HONEST
    written = json.loads((folder / ENTRY).read_text())
    assert list(written)[:4] == ["schema", "slug", "name", "authors"]
    assert written["claimed"]["trials"]["version"] == "1.0.0" and written["claimed"]["protocol"] == "held-out-2"
    assert written["source_sha256"] == written["claimed"]["strategy"]["sha256"] == entry.source_sha256


def test_the_same_submission_has_the_same_bytes(entry):
    assert contents(entry) == contents(replace(entry))


def with_parameters(entry: Submission, parameters: dict, claimed: dict) -> Submission:
    identity = replace(entry.claimed.strategy, parameters=claimed)
    return replace(entry, parameters=parameters, claimed=replace(entry.claimed, strategy=identity))


def test_parameters_are_part_of_an_entry(entry, tmp_path):
    given = with_parameters(entry, {"fraction": 0.5}, {"fraction": 0.5})
    folder = write_submission(tmp_path, given)
    assert json.loads((folder / ENTRY).read_text())["parameters"] == {"fraction": 0.5}
    assert read_submission(folder) == given != entry
    assert b'"parameters"' not in contents(entry)[ENTRY]  # absent is none: what is there stays as it is


@pytest.mark.parametrize(
    ("parameters", "claimed", "said"),
    [
        ({"fraction": 0.5}, {}, "the claimed result is of other parameters"),
        ({}, {"fraction": 0.5}, "the claimed result is of other parameters"),
        ({"a": float("nan")}, {}, "parameters: a must be a finite number, got nan"),
        ({"a": "x" * 2000}, {}, "parameters: parameters must have at most 1,000 characters together"),
        ({"a": [[[[[[[[[]]]]]]]]]}, {}, "parameters: a must have at most 8 lists"),
        ({"no name": 1}, {}, "parameters: a parameter's name is a Python name, got 'no name'"),
    ],
)
def test_parameters_that_are_refused(entry, tmp_path, parameters, claimed, said):
    with pytest.raises(SeedbenchError, match=said) as refusal:
        write_submission(tmp_path, with_parameters(entry, parameters, claimed))
    assert "\n" not in str(refusal.value)


def test_a_folder_that_is_there_stays(entry, folder, tmp_path):
    (folder / SOURCE).write_text("mine")
    with pytest.raises(SeedbenchError, match="exists already, and is left as it is"):
        write_submission(tmp_path, entry)
    assert (folder / SOURCE).read_text() == "mine"
    assert os.listdir(tmp_path) == ["first-trial"]


def test_nothing_half_written(entry, tmp_path, monkeypatch):
    monkeypatch.setattr("os.rename", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(SeedbenchError, match="cannot be written: No space left"):
        write_submission(tmp_path, entry)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My Rule", "my-rule"),
        ("Ünlike  ASHA, v2!", "unlike-asha-v2"),
        ("../../etc/passwd", "etc-passwd"),
        ("A" * 99, "a" * 60),
    ],
)
def test_slugs(name, slug):
    assert slug_of(name) == slug


def test_a_name_without_a_slug():
    with pytest.raises(SeedbenchError, match="needs a Latin letter or a digit"):
        slug_of("规则")


# --- the source -------------------------------------------------------------------------------------------------------

BAD_SOURCES = {
    "nothing": (b"", "is empty"),
    "10 MB": (b"#" * 10**7, "10,000,000 bytes; a leaderboard strategy has at most 65,536"),
    "one byte too many": (b"#" * (SOURCE_BYTES + 1), "65,537 bytes"),
    "invalid UTF-8": (b"x = '\xff'", "byte 5 is not UTF-8"),
    "half a character": ("é".encode()[:1], "byte 0 is not UTF-8"),
    "a byte-order mark": (b"\xef\xbb\xbfx = 1", "begins with a byte-order mark; save it as UTF-8 without one"),
    "another encoding": (b"# -*- coding: utf-7 -*-\nx = 1", "line 1: declares the encoding 'utf-7'"),
    "another encoding, second line": (b"#!/bin/sh\n# vim: set fileencoding=latin-1 :", "line 2: declares the encoding"),
    "another encoding, after a line that is none": (
        b"#\x0b\n# coding: utf-7\n# +AAo-import os",
        "line 2: declares the encoding 'utf-7'",
    ),
    "another encoding, after an old line end": (b"\r# coding: utf-7", "line 2: declares the encoding 'utf-7'"),
    "zero byte": (b"x = 1\0", r"line 1, column 6: U\+0000 is not seen"),
    "a line end to readers only": ("x = 1  # \u2028y = 2".encode(), r"line 1, column 10: U\+2028 is not seen"),
    "for the terminal": (b"x = 1\n# \x1b[2J", r"line 2, column 3: U\+001B is not seen"),
    "a table nobody sees": (
        'S = "\u200b\u200c\u200b"'.encode(),
        r"line 1, column 6: U\+200B is not seen",
    ),
    "numbers in variation selectors": ("x = 1  # \U000e0101".encode(), r"U\+E0101 is not seen"),
    "text that reads otherwise": ("x = 1  # \u202e".encode(), "line 1, column 10: U\\+202E is not seen"),
}


@pytest.mark.parametrize("name", BAD_SOURCES)
def test_bad_sources(name):
    content, rule = BAD_SOURCES[name]
    with pytest.raises(SeedbenchError, match=f"^mine.py.*{rule}"):
        check_source(content, "mine.py")


def test_a_source_of_just_the_largest_size():
    assert check_source(b"#" * SOURCE_BYTES, "mine.py") == "#" * SOURCE_BYTES
    assert check_source(b"# coding: utf-8\n", "mine.py")


BAD_IMPORTS = {
    "import torch": "line 1: imports torch; it may import the standard library, numpy, scipy, seedbench.strategies and "
    "names of seedbench such as Campaign",
    "x = 1\ndef f():\n    from pandas.io import x": "line 3: imports pandas.io",
    "from seedbench import evaluate": "line 1: imports seedbench.evaluate",
    "import seedbench.replay": "line 1: imports seedbench.replay",
    "from . import other": "line 1: imports .",
    "import optuna as numpy": "line 1: imports optuna",
    "import asyncio.__main__": "line 1: imports asyncio.__main__",
    "def f(:": "line 1: not Python: ",
    "x = " + "(" * 5000: "not Python",
    "x = " + "-" * 60000 + "1": "not Python",
}


@pytest.mark.parametrize("source", BAD_IMPORTS, ids=lambda source: source[:20])
def test_bad_imports(source):
    with pytest.raises(SeedbenchError, match="^mine.py.*" + BAD_IMPORTS[source].replace("(", r"\(")):
        check_source(source.encode(), "mine.py")


# --- the folder, as a stranger might send it --------------------------------------------------------------------------


def link_source(folder):
    (folder / SOURCE).unlink()
    (folder / SOURCE).symlink_to("/etc/passwd")


def pipe_for_source(folder):
    (folder / SOURCE).unlink()
    os.mkfifo(folder / SOURCE)


def folder_for_source(folder):
    (folder / SOURCE).unlink()
    (folder / SOURCE).mkdir()


def zip_bomb(folder):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("strategy.py", b"0" * 10**7)
    (folder / SOURCE).write_bytes(packed.getvalue())


def change(**values):
    def spoil(folder):
        content = json.loads((folder / ENTRY).read_text())
        for name, value in values.items():
            place, _, last = name.rpartition("__")
            target = content
            for part in filter(None, place.split("__")):
                target = target[int(part) if part.isdecimal() else part]
            target[last] = value
        (folder / ENTRY).write_text(json.dumps(content))

    return spoil


SPOILED = {
    "a link for the source": (link_source, "strategy.py: no regular file"),
    "a pipe for the source": (pipe_for_source, "strategy.py: no regular file"),
    "a folder for the source": (folder_for_source, "strategy.py: no regular file"),
    "two sources": (lambda folder: (folder / "b.py").touch(), "holds 'b.py', 'strategy.py', 'submission.json'"),
    "a hidden file": (lambda folder: (folder / ".pth").touch(), "holds '.pth'"),
    "no source": (lambda folder: (folder / SOURCE).unlink(), "holds 'submission.json'"),
    "a zip file": (zip_bomb, "strategy.py: byte .* is not UTF-8"),
    "a source of 10 MB": (lambda folder: (folder / SOURCE).write_bytes(b"#" * 10**7), "10,000,000 bytes"),
    "another source": (lambda folder: (folder / SOURCE).write_text("x = 1"), "its SHA-256 is not the one in"),
    "a claim for another source": (change(claimed__strategy__sha256="0" * 64), "claimed result is of another source"),
    "a claim without a hash": (change(claimed__strategy__sha256=None), "claimed result is of another source"),
    "no JSON": (lambda folder: (folder / ENTRY).write_text("{"), "submission.json: not JSON .Input data was truncated"),
    "JSON of 5 MB": (lambda folder: (folder / ENTRY).write_text(" " * 5_000_000), "it has at most 4,194,304"),
    "nested JSON": (lambda folder: (folder / ENTRY).write_text("[" * 10**6), "submission.json: "),
    "JSON that is not UTF-8": (lambda folder: (folder / ENTRY).write_bytes(b'{"name": "\xff"}'), "submission.json: "),
    "another schema": (change(schema=2), "schema is 2, which seedbench .* does not read; install"),
    "an unknown field": (change(organisers=True), "unknown field `organisers`"),
    "a path for a slug": (change(slug="../first-trial"), "is not the folder's name"),
    "a number for a name": (change(name=1), "Expected `str`, got `int` - at `\\$.name`"),
    "no name": (change(name=""), "name: from 1 to 60 characters"),
    "a long name": (change(name="x" * 61), "name: from 1 to 60 characters"),
    "a name of two lines": (change(name="x\ny"), "name: from 1 to 60 characters"),
    "a name with an escape": (change(name="\x1b[31mred"), "name: from 1 to 60 characters"),
    "a name that reads backwards": (change(name="\u202eab"), "name: from 1 to 60 characters"),
    "no authors": (change(authors=[]), "authors: from 1 to 20, found 0"),
    "an author without a name": (change(authors=["x", " "]), "authors: from 1 to 60 characters"),
    "a URL of another kind": (change(url="javascript:alert(1)"), "url: http"),
    "a URL that leaves its place": (change(url='https://a/"><script>'), "url: http"),
    "a long URL": (change(url="https://a/" + "a" * 200), "url: http"),
    "a license of its own": (change(license="all mine!"), "license: an SPDX identifier"),
    "a license that does not exist": (change(license="MIT-2.0"), "SPDX identifier such as MIT, found 'MIT-2.0'$"),
    "a license in another case": (change(license="apache-2.0"), "found 'apache-2.0', meant is Apache-2.0"),
    "a license that only its author has": (change(license="LicenseRef-mine"), "license: an SPDX identifier"),
    "a name of nothing": (change(name="\u3164\u3164"), "name: from 1 to 60 characters in one line"),
    "a name of dashes": (change(name="- -"), "name: needs a letter or a digit, found '- -'"),
    "a name in two scripts": (change(name="\u0410SHA"), "name: mixes Cyrillic and Latin letters, which look alike"),
    "a name for a device": (change(slug="nul"), "is not the folder's name"),
    "an attribute that is none": (change(attribute="os.system"), "attribute: a Python name"),
    "a budget beyond all bounds": (change(claimed__rows__0__budget=10**29), "a budget is from 1 to 2,147,483,647"),
    "a table with an escape": (change(claimed__rows__0__task="\x1b[2J"), "a table's names have 1 to 200"),
    "a score that is text": (change(claimed__rows__0__score="1"), "Expected `float`, got `str`"),
    "a score beyond all bounds": (
        lambda folder: (folder / ENTRY).write_text(
            (folder / ENTRY).read_text().replace('"replicates": 4', '"replicates": 1e999')
        ),
        "out of range",
    ),
    "a score that is not a number": (
        lambda folder: (folder / ENTRY).write_text(
            (folder / ENTRY).read_text().replace('"replicates": 4', '"replicates": NaN')
        ),
        "JSON is malformed",
    ),
    "an unknown protocol": (change(claimed__protocol="mine"), "Expected `str` one of held-out-2, dodge2020"),
    "an unknown track": (change(claimed__track="warm"), "Expected `str` one of cold, transfer"),
    "an oracle": (change(claimed__strategy__oracle=True), "an oracle is told the test scores"),
    "no rows": (change(claimed__rows=[]), "with at least one row"),
    "arrays": (change(claimed__campaigns={"score": [1]}), "Expected `ndarray`"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled(folder, name):
    spoil, rule = SPOILED[name]
    spoil(folder)
    with pytest.raises(SeedbenchError, match=rule) as refused:
        read_submission(folder)
    assert len(str(refused.value)) < 400 and str(refused.value).isprintable()


def test_a_link_for_the_folder(folder, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    moved = folder.rename(tmp_path / "elsewhere" / "first-trial")
    folder.symlink_to(moved)
    with pytest.raises(SeedbenchError, match="no folder; a submission is one with strategy.py and submission.json"):
        read_submission(folder)
    with pytest.raises(SeedbenchError, match="no folder"):
        read_submission(tmp_path / "none")


def test_what_is_checked_in_reading_is_checked_in_writing(entry, tmp_path):
    for spoiled in (replace(entry, slug="a/b"), replace(entry, name="x" * 61), replace(entry, source=HONEST + "#")):
        with pytest.raises(SeedbenchError):
            write_submission(tmp_path, spoiled)
    assert os.listdir(tmp_path) == []


# --- the command ------------------------------------------------------------------------------------------------------

ENTRY_OPTIONS = ("--name", "First trial", "--authors", "A. Author", "--replicates", 4, "--dry-run", "--processes", 1)


def test_submit_writes_the_folder(run, refused, small_folder, tmp_path):
    Path("mine.py").write_text(QUICK)
    command = ("submit", "mine.py", "--trials", small_folder, *ENTRY_OPTIONS)
    code, out, err = run(*command)
    assert (code, err) == (0, "")
    assert "first-trial/ written: strategy.py, submission.json." in out
    assert "No pull request was opened." in out
    found = read_submission(tmp_path / "first-trial")
    assert (found.name, found.authors, found.license) == ("First trial", ("A. Author",), "Apache-2.0")
    assert found.claimed == evaluate("mine.py", small_folder, replicates=4)
    code, out, _ = run(*command)  # again: what was evaluated is used
    assert code == 0 and "holds this strategy's result already" in out
    more = [*command, "--replicates", 5]
    refused(*more, rule="first-trial: exists already, with something else in it")  # an option is never left aside
    Path("mine.py").write_text(QUICK + "# better\n")
    refused(*command, rule="first-trial: exists already, with something else in it")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first-trial", "mine.py"]


def test_submit_refuses(refused, run, small_folder, tmp_path, monkeypatch):
    sources = {
        "torch.py": ("import torch\ndef strategy(campaign): pass", "imports torch; it may import"),
        "large.py": ("#" * 70_000, "70,000 bytes; a leaderboard strategy has at most 65,536"),
        "broken.py": ("def strategy(", "not Python"),
        "chance.py": (
            "import random\n" + QUICK.replace("campaign.start()", "campaign.start(random.randrange(3))"),
            "chance.py: not reproducible: table mini/",
        ),
        "pays.py": ("def strategy(campaign): pass", "paid for no checkpoint"),
    }
    for file, (source, _) in sources.items():
        Path(file).write_text(source)
    Path("mine.py").write_text(QUICK)
    for file, (_, rule) in sources.items():
        refused("submit", file, "--trials", small_folder, *ENTRY_OPTIONS, rule=rule)
    command = ("submit", "mine.py", "--trials", small_folder)
    with monkeypatch.context() as patched:
        patched.setattr("os.access", lambda path, mode: False)
        refused(*command, *ENTRY_OPTIONS, rule="first-trial: cannot be written in ")
    refused(*command, *ENTRY_OPTIONS, "--url", "ftp://x", rule="url: http(s)://")
    refused(*command, *ENTRY_OPTIONS[2:], "--name", "规则", rule="needs a Latin letter")
    refused(*command, *ENTRY_OPTIONS[2:], "--name", "Con", rule="its folder would be con, which Windows keeps")
    refused(*command, *ENTRY_OPTIONS[2:], "--name", "Full Trials", rule="one of the strategies that ship with")
    refused("submit", "oracle", "--trials", small_folder, *ENTRY_OPTIONS, rule="is an oracle")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "none"))
    options = [option for option in ENTRY_OPTIONS if option != "--dry-run"]
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    refused(*command, *options, rule="no Hugging Face token to submit with")


def test_submit_where_nothing_can_be_sealed(run, small_folder, monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    Path("mine.py").write_text(QUICK)
    code, out, _ = run("submit", "mine.py", "--trials", small_folder, *ENTRY_OPTIONS)
    assert code == 0 and out.startswith("Not sealed here (a strategy can be sealed on Linux on x86-64 alone")
    assert read_submission(Path("first-trial"))


def test_submit_with_parameters(run, small_folder):
    command = ("submit", "start_many", "--set", "fraction=0.5", "--trials", small_folder, *ENTRY_OPTIONS)
    code, out, _ = run(*command)
    assert code == 0 and "start_many(fraction=0.5) on synthetic" in out
    entry = read_submission(Path("first-trial"))
    assert entry.parameters == entry.claimed.strategy.parameters == {"fraction": 0.5}
    assert "result already, which is used" in run(*command)[1]
    code, _, err = run("submit", "start_many", *command[4:])
    assert code == 2 and "first-trial: exists already, with something else in it" in err
