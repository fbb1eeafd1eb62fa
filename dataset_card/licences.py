"""Licences that a trial set may be given, as those who write of them call them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """A licence.

    Attributes:
        title: in a sentence.
        spdx: in SPDX's list, which a citation file goes by.
        url: where its text is.
    """

    title: str
    spdx: str
    url: str


#: By the Hub's names.
LICENCES = {
    "apache-2.0": Licence("the Apache License 2.0", "Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    "cc-by-4.0": Licence("CC BY 4.0", "CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "cc-by-sa-4.0": Licence("CC BY-SA 4.0", "CC-BY-SA-4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "cc0-1.0": Licence("CC0 1.0", "CC0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "mit": Licence("the MIT License", "MIT", "https://opensource.org/license/mit"),
}
