"""The errors a person is meant to read: what was wrong, what is allowed, what to type."""


class UserError(Exception):
    """Something the user gave cannot be used; the message is one line and says what to do instead.

    The command line prints the message without a traceback and exits with code 2.
    """


class SealedTestError(RuntimeError):
    """A sealed test set was asked for a second, different look."""
