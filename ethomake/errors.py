"""Exceptions whose messages are meant for the user."""

from ethomake.visible import visible


class InputError(Exception):
    """Invalid user input: a file, a setting or an argument.

    The message is one line and says what is wrong, where (file, row, key) and how to fix it. Jobs print it
    without a traceback and end with status 2; any other exception is a bug in ethomake or a fault of the machine
    (`ethomake.failures`). Characters that cannot be seen are shown as escapes.
    """

    def __init__(self, message: object):
        super().__init__(visible(str(message)))


class TransientError(InputError):
    """An error that the user may have to fix, but that may also be gone at the next try; status 75."""
