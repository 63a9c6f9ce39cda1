"""The one exception that is meant for the user."""


class InputError(Exception):
    """Something a user gave us is wrong.

    The message is one line and says what is wrong, where (file, row, key) and how to mend it. Jobs print it
    without a traceback and end with status 1; everything else that is raised is a defect of ethomake.
    """
