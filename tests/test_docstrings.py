"""A docstring in parts."""

from seedbench.docstrings import split


def test_the_section_of_attributes_is_taken_out():
    text, attributes = split(
        """A search.

        It ends.

        Attributes:
            budget: in full
                trials.
            seed: of all randomness.
        """
    )
    assert text == "A search.\n\nIt ends."
    assert attributes == {"budget": "in full trials.", "seed": "of all randomness."}


def test_what_stands_after_it_stays():
    text, attributes = split(
        "Starts many.\n\n    Args:\n        k: how many.\n\n    Raises:\n        ValueError: none.\n    "
    )
    assert text == "Starts many.\n\nRaises:\n    ValueError: none."
    assert attributes == {"k": "how many."}


def test_without_a_section_or_a_text():
    assert split("One line.") == ("One line.", {})
    assert split(None) == ("", {})
