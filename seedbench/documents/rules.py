"""Rules that fields of many documents have."""

from __future__ import annotations

from typing import Annotated

import msgspec

#: A field whose metadata has this is left out of the document where it is empty.
OMIT_EMPTY = "omit_empty"


def whole(pattern: str, words: str) -> msgspec.Meta:
    """The rule that a whole text matches a pattern, in Python as in a JSON schema; `words` say which texts do."""
    return msgspec.Meta(pattern=rf"^{pattern}$(?!\n)", description=words)  # `$` alone lets a line's end follow


Count = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Sha256 = Annotated[str, whole("[0-9a-f]{64}", "of 64 hexadecimal digits")]
