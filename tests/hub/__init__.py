"""A Hub on this machine: the part of huggingface.co's HTTP API that huggingface_hub and datasets call, for tests.

    repos.py    what a Hub stores: repos of commits, refs, discussions and pull requests
    http.py     requests, responses and refusals over the standard library's HTTP server
    routes.py   the API: which function of reading.py, writing.py and discussions.py answers which request
    xet.py      large files in xet's own content store, chunked and deduplicated by hf_xet itself
    hub.py      `LocalHub`, which starts it all and lets a test step in between two requests
    client.py   `Client`, a Python process that takes this Hub for the real one

`HF_ENDPOINT` and `HF_HOME` are read when huggingface_hub is imported, so every client is a process of its own.
"""
