"""The errors a person is meant to read: what was wrong, what is allowed, what to type."""


class UserError(Exception):
    """Something the user gave cannot be used; the message is one line and says what to do instead.

    The command line prints the message without a traceback and exits with code 2.
    """


class SealedTestError(RuntimeError):
    """A sealed test set was asked for a second, different look."""


def quoted(name: object) -> str:
    """Return a name of somebody else's as one line that prints as it is.

    A file's name may hold newlines, a terminal's codes, or marks that turn the text around; each
    becomes its escape.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(name))
