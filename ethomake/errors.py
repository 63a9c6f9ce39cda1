"""Exceptions whose messages are meant for the user."""


class InputError(Exception):
    """Invalid user input: a file, a setting or an argument.

    The message is one line and says what is wrong, where (file, row, key) and how to fix it. Jobs print it
    without a traceback and end with status 2; any other exception is a bug in ethomake or a fault of the machine
    (`ethomake.failures`).
    """


class TransientError(InputError):
    """An error that the user may have to fix, but that may also be gone at the next try; status 75."""
