"""What `seedbench.files` promises, and what commands make of it: other people's files, links, two writers at once."""

import errno
import os
import stat
import threading
import time

import pytest

from leaderboard.site.files import CARD, write_site
from runners.cluster.state import cluster_folder
from runners.cluster.state import locked as cluster_locked
from seedbench.errors import CannotWrite, SeedbenchError, TrialSetError
from seedbench.files import append_line, changing, end_line, locked, new_folder, settle, write_file, write_new_file
from seedbench.files.folders import _NEW
from seedbench.trialset import add_trials, load_trials
from tests.files.commands import COMMANDS, FOREIGN, clone, foreign
from tests.synthetic import additive_predictions, split_of, write

# --- a file -------------------------------------------------------------------------------------------------------


def test_a_link_stays_a_link_and_its_target_is_written_with_its_permissions(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "result.json", tmp_path / "link.json"
    target.write_text("old")
    target.chmod(0o604)
    link.symlink_to("there/result.json")
    write_file(link, "new")
    assert link.is_symlink() and target.read_text() == "new" and stat.S_IMODE(target.stat().st_mode) == 0o604
    assert os.listdir(tmp_path / "there") == ["result.json"]


def test_a_line_is_added_whole_and_after_a_half_one_a_new_one_begins(tmp_path):
    path = tmp_path / "log"
    end_line(path)
    assert not path.exists()
    append_line(path, "one")
    assert path.read_text() == "one\n"
    path.write_text("one\nha")  # by a process that was killed
    append_line(path, "two")
    append_line(path, "three")
    assert path.read_text() == "one\nha\ntwo\nthree\n"
    with pytest.raises(CannotWrite, match="none/log: cannot be written: No such file or directory"):
        append_line(tmp_path / "none" / "log", "x")


def test_a_new_file_has_the_permissions_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "a", b"x")
        write_new_file(tmp_path / "key", b"x", mode=0o600)
    finally:
        os.umask(before)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "key")] == [0o640, 0o600]


def test_what_fails_halfway_leaves_what_was_there(tmp_path):
    def fails(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    write_file(tmp_path / "a", "old")
    with pytest.raises(CannotWrite) as caught:
        write_file(tmp_path / "a", fails)
    assert str(caught.value) == (
        f"{tmp_path / 'a'}: cannot be written: No space left on device; make room, or give another place"
    )
    assert caught.value.reason == "No space left on device"
    assert (tmp_path / "a").read_text() == "old" and os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none/a", "No such file or directory"), ("folder", "is no regular file"), ("file/a", "Not a directory")],
)
def test_what_cannot_be_written_is_said_in_one_line(tmp_path, name, reason):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match=f"{name}: cannot be written: {reason}; give another place"):
        write_file(tmp_path / name, "x")


def test_only_the_first_of_two_writes_a_new_file(tmp_path):
    assert write_new_file(tmp_path / "a", "first")
    assert not write_new_file(tmp_path / "a", "second")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert not write_new_file(tmp_path / "dangling", "x")
    assert (tmp_path / "a").read_text() == "first" and not (tmp_path / "nowhere").exists()


def test_a_file_system_without_hard_links(tmp_path, monkeypatch):
    monkeypatch.setattr("os.link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "Operation not permitted")))
    assert write_new_file(tmp_path / "a", "first") and not write_new_file(tmp_path / "a", "second")
    assert (tmp_path / "a").read_text() == "first" and os.listdir(tmp_path) == ["a"]


def test_parts_that_were_left_behind_long_ago_are_removed(tmp_path):
    old, young, other = (tmp_path / f".{name}.part" for name in (f"a.{'0' * 32}", f"a.{'1' * 32}", "a.mine"))
    for part in (old, young, other):
        part.touch()
    for part in (old, other):
        os.utime(part, (0, 0))
    write_file(tmp_path / "a", "x")
    assert {path.name for path in tmp_path.iterdir()} == {"a", young.name, other.name}


# --- a folder -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["trials add", "write_trials, replace", "export --append", "leaderboard.build"])
def test_what_is_not_ours_stays_also_through_a_link(tmp_path, name):
    command = COMMANDS[name]
    command.before(tmp_path)
    before = command.read(tmp_path)  # which looks at the files of others, too
    command.run(tmp_path)
    assert command.read(tmp_path) != before


def test_a_file_of_somebody_else_in_the_way_is_not_overwritten(tmp_path):
    held = clone(tmp_path)
    (held / "trials" / "rte-00000-of-00001.parquet").write_text("mine, and in no manifest")
    before = load_trials(held).sha256
    new = write(tmp_path / "new", split_of(additive_predictions(2, 2), task="rte"))
    with pytest.raises(TrialSetError, match="rte-00000-of-00001.parquet is there and is something else; move it away"):
        add_trials(held, [new])
    assert load_trials(held).sha256 == before and (held / "README.md").read_text() == "the card"
    assert foreign(held) == FOREIGN and not (held / ".seedbench").exists()


def test_a_linked_file_of_a_set_is_replaced_not_written_through(tmp_path):
    held = clone(tmp_path)
    file, blob = held / "trials" / "sst2-00000-of-00001.parquet", tmp_path / "blob"  # as in the Hub client's cache
    file.rename(blob)
    file.symlink_to(blob)
    before = blob.read_bytes()
    add_trials(held, [write(tmp_path / "new", split_of(additive_predictions(3, 3)))])
    assert blob.read_bytes() == before and not file.is_symlink() and load_trials(held).tables[0].num_trials == 9


def test_folders_that_are_empty_now_go_and_no_other(tmp_path):
    site = tmp_path / "site"
    write_site({"README.md": CARD.encode(), "a/b/old.html": b"", "c/old.html": b""}, site)
    (site / "c" / "mine").mkdir()
    write_site({"README.md": CARD.encode()}, site)
    assert not (site / "a").exists() and os.listdir(site / "c") == ["mine"]


@pytest.mark.parametrize("path", ["../outside", "/outside", "linked/outside", ".git/HEAD", "a//b", ".seedbench/lock"])
def test_a_journal_out_of_a_folder_of_somebody_else_leads_nowhere(tmp_path, path):
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    (folder / ".seedbench").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("mine")
    (folder / "linked").symlink_to(tmp_path)
    outside.write_text("mine")
    (folder / ".seedbench" / "journal.json").write_text(f'{{"format": 1, "new": [], "gone": ["{path}"]}}')
    with pytest.raises(CannotWrite):
        settle(folder)
    assert outside.read_text() == (folder / ".git" / "HEAD").read_text() == "mine"


def test_a_new_folder_is_there_whole_or_not_at_all(tmp_path):
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "a") as new:
        (new / "half").touch()
        1 / 0  # noqa: B018
    assert os.listdir(tmp_path) == []
    with new_folder(tmp_path / "a") as new:
        (new / "whole").touch()
    with pytest.raises(CannotWrite, match="exists already, and is left as it is"), new_folder(tmp_path / "a"):
        pass
    assert os.listdir(tmp_path) == ["a"] and os.listdir(tmp_path / "a") == ["whole"]


def test_on_a_place_that_cannot_be_written_nothing_is_locked(tmp_path, monkeypatch):
    held = clone(tmp_path)
    private = tmp_path / "real" / ".seedbench"
    (private / _NEW).mkdir(parents=True)  # of a writer that was killed before it had decided
    refuse = PermissionError(errno.EROFS, "Read-only file system")
    monkeypatch.setattr("filelock.FileLock.acquire", lambda *_, **__: (_ for _ in ()).throw(refuse))
    assert load_trials(held).tables[0].num_trials == 8
    (private / "journal.json").write_text('{"format": 1, "new": [], "gone": ["README.md"]}')
    with pytest.raises(TrialSetError, match="Read-only file system; .*; a change of this trial set was interrupted"):
        load_trials(held)
    monkeypatch.undo()
    assert load_trials(held).tables[0].num_trials == 8
    assert not (held / "README.md").exists() and not private.exists()


# --- two at once --------------------------------------------------------------------------------------------------


def _adds(held, new, ready):
    ready.wait()
    add_trials(held, [new])


def test_two_adds_at_once_lose_nothing(forked, tmp_path):
    held = clone(tmp_path)
    news = [
        write(tmp_path / recipe, split_of(additive_predictions(3, 3), recipe=recipe)) for recipe in ("one", "other")
    ]
    ready = forked.Barrier(2)
    writers = [forked.Process(target=_adds, args=(held, new, ready)) for new in news]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert [table.name for table in load_trials(held).tables] == ["mini/sst2/few", "mini/sst2/one", "mini/sst2/other"]
    assert load_trials(held).version == "1.2.0" and foreign(held) == FOREIGN


def test_the_second_writer_is_told_and_refused_in_one_line(tmp_path, monkeypatch, capsys):
    held = clone(tmp_path)
    new = write(tmp_path / "new", split_of(additive_predictions(3, 3)))
    monkeypatch.setattr("seedbench.files.folders.WAIT_SECONDS", 0.2)
    refused = []

    def second():
        with pytest.raises(TrialSetError) as caught:
            add_trials(held, [new])
        refused.append(str(caught.value))
        assert load_trials(held).tables[0].num_trials == 8  # a reader does not wait for what is being prepared

    with changing(held):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    real = tmp_path / "real"
    assert refused == [f"{real}: cannot be written: another process is writing it; try again when it is done"]
    assert capsys.readouterr().err == f"seedbench: {real}: another process is writing it; waiting 0.2 s at most\n"


def test_a_counter_that_many_raise_loses_nothing(tmp_path):
    file = tmp_path / "count"
    file.write_text("0")

    def raises():
        for _ in range(10):
            with locked(file, wait=None):
                number = int(file.read_text())
                time.sleep(0.001)
                write_file(file, str(number + 1))

    threads = [threading.Thread(target=raises) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert file.read_text() == "40" and os.listdir(tmp_path) == ["count"]


def test_locks_are_gone_afterwards(tmp_path):
    with cluster_locked(tmp_path):
        pass
    assert os.listdir(cluster_folder(tmp_path)) == []
    with pytest.raises(SeedbenchError, match="No such file"), locked(tmp_path / "none" / "a"):
        pass
