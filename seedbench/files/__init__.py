"""Everything that is written goes through here: whole or not at all, one writer at a time, only what is ours.

    write_file      a file; `write_new_file` one that must not be there yet
    try_writing     whether `write_file` could, before work that takes long
    explained       what the operating system says of a file, in one line
    append_line     a line at the end of a file, on the disk; `end_line` ends one that a killed writer left half-written
    locked          reading a file and then writing it, while nobody else does
    new_folder      a folder that is there whole or not at all
    changing        files of a folder, of which some are other people's, replaced together
    work_folder     one in the temporary folder, gone at the end; the next one removes what a killed process left there
    kept_folder     where what is done of long work lies until all of it is, in the user's cache
    settle          finishes or undoes what a killed writer left of that; every reader of such a folder calls it

**What is guaranteed**, on a local file system, wherever the process is killed or the power fails: the old content or
the new one, all of it, and on the disk; the permissions of a file that was there; a symbolic link stays one, and what
it leads to is written. In a folder that is changed, a link is replaced by the file: what it leads to is not ours. Such
a change is decided when its journal is written: from then on whoever comes next finishes it, before that nothing has
happened.

**What is not**: owner, hard links and extended attributes are not kept. On a network file system locks and renames
hold as far as it implements flock and fsync. A reader that is in the middle of a folder while a change is put in place
may find files of both: a trial set's SHA-256 tell. What a killed writer leaves beside a file or a folder is hidden
(`.NAME.….part`), read by nobody, and removed by a later write of the same name.
"""

from seedbench.files.folders import Change, changing, make_folder, new_folder, remove_folder, settle
from seedbench.files.locks import locked
from seedbench.files.temporary import work_folder
from seedbench.files.unfinished import kept_folder
from seedbench.files.whole import append_line, end_line, explained, try_writing, write_file, write_new_file

__all__ = [
    "Change",
    "append_line",
    "changing",
    "end_line",
    "explained",
    "locked",
    "make_folder",
    "new_folder",
    "remove_folder",
    "settle",
    "try_writing",
    "kept_folder",
    "work_folder",
    "write_file",
    "write_new_file",
]
