"""The card of a trial set and the page of rules, made from a checkout."""

import sys

if sys.argv[:1] == ["-m"]:  # one of the commands is starting
    from seedbench.commands import require_group

    _DRAWING = ("altair", "vl_convert")
    require_group("card", {"dataset_card.build": (*_DRAWING, "jinja2", "mlcroissant"), "dataset_card.rules": _DRAWING})
