import pytest

from ethomake.errors import InputError
from ethomake.files import write_json
from ethomake.ingest.copies import compare_videos


@pytest.fixture
def compare(tmp_path):
    """Compare videos, by name with a digest of their frames; returns the bytes of the output."""

    def run(digests, parts):
        manifests = []
        for video, digest in digests.items():
            manifests.append(tmp_path / f"{video}.json")
            write_json(manifests[-1], {"video": video, "frames_digest": digest})
        output = tmp_path / "compared.json"
        output.unlink(missing_ok=True)
        compare_videos(manifests, output, parts=parts)
        return output.read_bytes()

    return run


def test_the_same_frames_in_two_parts_are_refused(compare, tmp_path):
    with pytest.raises(InputError, match=r"^videos a \(train\) and c \(test\) have the same frames, so a score"):
        compare({"a": "1", "b": "2", "c": "1"}, {"main": {"a": "train", "b": "validate", "c": "test"}})
    assert not (tmp_path / "compared.json").exists()
    with pytest.raises(InputError, match=r"b \(validate\) have the same frames in run fold, so"):
        compare({"a": "1", "b": "1"}, {"main": {"a": "train", "b": "train"}, "fold": {"a": "train", "b": "validate"}})


def test_the_result_does_not_depend_on_the_videos(compare, capsys):
    one = compare({"a": "1", "b": "2"}, {"main": {"a": "train", "b": "test"}})
    assert compare({"a": "1", "b": "1", "c": "3"}, {"main": {"a": "train", "b": "train", "c": "test"}}) == one


def test_the_same_frames_in_one_part_or_none_are_a_note(compare, caplog):
    compare({"b": "1", "a": "1"}, {"main": {"a": "train", "b": "train"}, "other": {"a": "test"}})
    assert caplog.messages == ["videos a and b have the same frames; remove one if not meant"]
