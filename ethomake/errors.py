"""The exceptions that are meant for the user."""


class InputError(Exception):
    """Something a user gave us is wrong.

    The message is one line and says what is wrong, where (file, row, key) and how to mend it. Jobs print it
    without a traceback and end with status 2; everything else that is raised is a defect of ethomake, or of the
    machine (`ethomake.failures`).
    """


class TransientError(InputError):
    """Something that a user may have to mend, but that may as well be over at the next try; status 75."""
