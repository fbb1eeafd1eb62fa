"""Exceptions that do something when they are looked at. See `files` for how an attack is written."""


def honest(campaign):
    trial = campaign.start()
    trial.advance()
    return trial


class Silent(Exception):
    def __str__(self):
        raise SystemExit(0)


class Deep(Exception):
    def __str__(self):
        return str(self)


class Long(Exception):
    def __str__(self):
        return "x" * 2**20


class NoText(Exception):
    def __str__(self):
        return 7


class Noted(Exception):
    @property
    def __notes__(self):
        raise KeyboardInterrupt


def text_that_exits(campaign):
    """raised: raised Silent: an exception that cannot be shown"""
    raise Silent


def text_that_does_not_end(campaign):
    """raised: raised Deep"""
    raise Deep


def text_of_a_megabyte(campaign):
    """raised: raised Long: xxxx"""
    raise Long


def text_that_is_none(campaign):
    """raised: raised NoText"""
    raise NoText


def notes_that_raise(campaign):
    """raised: raised Noted"""
    raise Noted("text")


def notes_that_are_none(campaign):
    """raised: raised ValueError: text"""
    error = ValueError("text")
    error.__notes__ = 7
    raise error


def notes_of_a_megabyte(campaign):
    """raised: raised ValueError: text"""
    error = ValueError("text")
    error.__notes__ = ["x" * 2**20, "\x1b[2J", object()]
    raise error


def syntax_error_with_strange_fields(campaign):
    """raised: raised SyntaxError"""
    error = SyntaxError("text")
    error.lineno, error.offset, error.text, error.filename = "one", object(), 7, b"\x00"
    raise error


def syntax_error_far_away(campaign):
    """raised: raised SyntaxError"""
    raise SyntaxError("text", ("file", -(2**70), 2**70, "x" * 2**20, -1, -1))


def name_of_a_megabyte(campaign):
    """raised: raised xxxx"""
    raise type("x" * 2**20, (Exception,), {})


def name_that_hides(campaign):
    """raised: raised"""
    raise type("\x1b[2J\u202e", (Exception,), {})("\x1b]0;title\x07")


def cause_that_is_itself(campaign):
    """raised: raised ValueError"""
    error = ValueError("text")
    error.__cause__ = error
    raise error


def ten_thousand_causes(campaign):
    """raised: raised ValueError"""
    error = ValueError("text")
    for _ in range(10_000):
        before, error = error, ValueError("text")
        error.__cause__ = before
    raise error


def a_group_of_groups(campaign):
    """raised: raised ExceptionGroup"""
    error = ExceptionGroup("text", [Silent(), Noted()])
    for _ in range(5_000):
        error = ExceptionGroup("text", [error])
    raise error


def no_exception_at_all(campaign):
    """raised: raised TypeError"""
    raise "text"  # noqa: B016


def exit_by_exception(campaign):
    """raised: raised SystemExit"""
    raise SystemExit(0)


def generator_exit(campaign):
    """raised: raised GeneratorExit"""
    raise GeneratorExit


def attribute_error_that_suggests(campaign):
    """raised: raised AttributeError"""

    class Odd:
        def __dir__(self):
            raise SystemExit(0)

    Odd().nothing  # noqa: B018
