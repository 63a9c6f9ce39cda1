"""What tests of the formats share: a file to read, its labels as text, and the message of one that is refused."""

import json

import pytest

from ethomake.errors import InputError
from ethomake.labels.formats import find_formats, recognize
from ethomake.labels.policies import Policies
from ethomake.labels.timeline import Timeline


def show(table):
    """Return labels as text, {behavior: a letter for each frame}: 1, 0, and ? where it is not scored."""
    return {
        name: "".join("?01"[value + 1] for value in column)
        for name, column in zip(table.behaviors, table.values.T, strict=True)
    }


def saver(name):
    """Return a fixture: `save(content)` writes a text, or anything else as JSON, to a file of this name."""

    @pytest.fixture
    def save(tmp_path):
        def _save(content, name=name):
            path = tmp_path / name
            path.write_bytes((content if isinstance(content, str) else json.dumps(content)).encode())
            return path

        return _save

    return save


def reader_of(kind, *, rate=10, **usual):
    """Return `labels(path, frames, ...)`, which reads files of a format, and `refusal(path, ...)`: why it does not.

    Both take `frames`, `video`, `subject` and policies; `usual` are their defaults.
    """
    usual = {"frames": 10, "video": "a.mp4", "subject": "", "rate": rate} | usual

    def labels(path, frames=None, **more):
        assert recognize(path) == kind
        chosen = usual | ({} if frames is None else {"frames": frames}) | more
        line = Timeline.regular(*(chosen.pop(name) for name in ("frames", "rate", "video", "subject")))
        return show(find_formats()[kind].read(path, line, Policies(**chosen)))

    def refusal(path, **more):
        with pytest.raises(InputError) as caught:
            labels(path, **more)
        message = str(caught.value)
        assert message.startswith(str(path))
        assert "\n" not in message
        return message

    return labels, refusal
