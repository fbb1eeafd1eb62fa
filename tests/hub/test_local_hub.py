"""The local Hub, asked by the real client: what the tests of publishing, loading and submitting rely on."""

from __future__ import annotations

import os
from base64 import b64encode

import pytest

from tests.hub.client import Client
from tests.hub.hub import GUEST, MAINTAINER, LocalHub

REPO = "seedbench/submissions"


def test_commits_pull_requests_and_what_is_refused(hub: LocalHub, client: Client) -> None:
    large = os.urandom(70_000)
    found = client.run(
        """
        import base64
        from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError

        def refused(call, *arguments, **options):
            try:
                call(*arguments, **options)
            except HfHubHTTPError as error:
                return [type(error).__name__, error.response.status_code]

        def files(**content):
            return [CommitOperationAdd(name.replace("__", "."), content[name]) for name in content]

        owner, guest, nobody = HfApi(token=maintainer_token), HfApi(token=guest_token), HfApi(token=False)
        dataset = {"repo_id": repo, "repo_type": "dataset"}
        owner.create_repo(repo, repo_type="dataset")
        first = owner.create_commit(
            **dataset, operations=files(a__parquet=base64.b64decode(large), b__txt=b"b"), commit_message="first"
        )
        owner.create_tag(repo, tag="v1", repo_type="dataset")
        owner.create_commit(
            **dataset, operations=files(b__txt=b"B"), commit_message="second", parent_commit=first.oid
        )
        result = {
            "stale": refused(
                owner.create_commit, **dataset, operations=files(b__txt=b"x"), commit_message="x",
                parent_commit=first.oid,
            ),
            "guest": refused(guest.create_commit, **dataset, operations=files(b__txt=b"x"), commit_message="x"),
            "nobody": refused(nobody.create_commit, **dataset, operations=files(b__txt=b"x"), commit_message="x"),
            "tag twice": refused(owner.create_tag, repo, tag="v1", repo_type="dataset"),
            "no repo": refused(nobody.dataset_info, "seedbench/none"),
            "no revision": refused(nobody.dataset_info, repo, revision="v9"),
            "tag": nobody.dataset_info(repo, revision="v1").sha == first.oid,
            "files": nobody.list_repo_files(**dataset),
            "commits": [commit.title for commit in nobody.list_repo_commits(**dataset)],
        }
        pull = guest.create_commit(
            **dataset, operations=files(entry__json=b"{}"), commit_message="my entry", create_pr=True
        )
        guest.create_commit(
            **dataset, operations=files(more__parquet=b"PAR1"), commit_message="more", revision=pull.pr_revision
        )
        draft = guest.create_pull_request(repo, title="draft", repo_type="dataset")
        clash = guest.create_commit(
            **dataset, operations=files(b__txt=b"guest's"), commit_message="b", create_pr=True
        )
        owner.comment_discussion(repo, pull.pr_num, "looks good", repo_type="dataset")
        result["guest merges"] = refused(guest.merge_pull_request, repo, pull.pr_num, repo_type="dataset")
        owner.merge_pull_request(repo, pull.pr_num, repo_type="dataset")
        owner.create_commit(**dataset, operations=files(b__txt=b"owner's"), commit_message="third")
        result["clash"] = refused(owner.merge_pull_request, repo, clash.pr_num, repo_type="dataset")
        guest.change_discussion_status(repo, clash.pr_num, "closed", repo_type="dataset")
        result["discussions"] = [
            [found.num, found.title, found.status, found.author, found.is_pull_request]
            for found in nobody.get_repo_discussions(repo, repo_type="dataset")
        ]
        details = nobody.get_discussion_details(repo, pull.pr_num, repo_type="dataset")
        result["events"] = [event.type for event in details.events]
        refs = nobody.list_repo_refs(repo, repo_type="dataset", include_pull_requests=True)
        result["pulls"] = [pull.ref for pull in refs.pull_requests]
        with open(hf_hub_download(repo, "b.txt", repo_type="dataset", revision=clash.pr_revision)) as file:
            result["of the pull request"] = file.read()
        with open(hf_hub_download(repo, "a.parquet", repo_type="dataset", revision="v1"), "rb") as file:
            result["large"] = base64.b64encode(file.read()).decode()
        """,
        repo=REPO,
        large=b64encode(large).decode(),
        maintainer_token=MAINTAINER,
        guest_token=GUEST,
    )
    assert found["stale"] == ["HfHubHTTPError", 412]
    assert found["guest"] == ["HfHubHTTPError", 403]
    assert found["nobody"] == ["HfHubHTTPError", 401]
    assert found["tag twice"] == ["HfHubHTTPError", 409]
    assert found["no repo"] == ["RepositoryNotFoundError", 401]
    assert found["no revision"] == ["RevisionNotFoundError", 404]
    assert found["tag"] is True
    assert found["files"] == [".gitattributes", "a.parquet", "b.txt"]
    assert found["commits"] == ["second", "first", "initial commit"]
    assert found["guest merges"] == ["HfHubHTTPError", 403]
    assert found["clash"] == ["HfHubHTTPError", 409]
    assert found["discussions"] == [
        [1, "my entry", "merged", "guest", True],
        [2, "draft", "draft", "guest", True],
        [3, "b", "closed", "guest", True],
    ]
    assert found["events"] == ["comment", "commit", "commit", "comment", "status-change"]
    assert found["pulls"] == ["refs/pr/1", "refs/pr/2", "refs/pr/3"]
    assert found["of the pull request"] == "guest's"
    assert found["large"] == b64encode(large).decode()
    assert hub.read(REPO, "entry.json") == b"{}" and hub.read(REPO, "more.parquet") == b"PAR1"
    uploads = [request for request in hub.requests if request.startswith("PUT /lfs/")]
    assert bool(uploads) is (hub.xet is None)


def test_a_private_repo_is_there_for_its_owners_only(hub: LocalHub, client: Client) -> None:
    found = client.run(
        """
        from huggingface_hub import HfApi
        HfApi(token=maintainer_token).create_repo("seedbench/secret", repo_type="dataset", private=True)
        result = [
            HfApi(token=token).repo_exists("seedbench/secret", repo_type="dataset")
            for token in (maintainer_token, guest_token, False)
        ]
        """,
        maintainer_token=MAINTAINER,
        guest_token=GUEST,
    )
    assert found == [True, False, False]


def test_a_step_in_between_changes_refuses_or_drops_once(hub: LocalHub, client: Client) -> None:
    hub.new_repo("dataset", "seedbench/steps", False, "maintainer")
    info = "from huggingface_hub import HfApi\nresult = HfApi(token=False).dataset_info('seedbench/steps').sha"
    hub.before("GET", "/api/datasets/seedbench/steps", lambda _: hub.push("seedbench/steps", {"a": b"a"}))
    assert client.run(info) == hub.repo("seedbench/steps").resolve("main").oid
    assert hub.read("seedbench/steps", "a") == b"a"

    def drop(_: object) -> None:
        raise ConnectionAbortedError

    hub.before("GET", "/api/datasets/seedbench/steps", drop)
    with pytest.raises(AssertionError, match="disconnected"):
        client.run(info)
    assert client.run(info) == hub.repo("seedbench/steps").resolve("main").oid
