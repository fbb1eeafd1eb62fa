"""What an advice says, sentence by sentence."""

from __future__ import annotations

from seedbench.advice import Advice
from seedbench.advice.words import advice_words


def said_of(advice: Advice) -> list[str]:
    return [sentence for block in advice_words(advice) for sentence in block]
