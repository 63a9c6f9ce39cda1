from ethomake.training.fingerprint import fingerprint


def test_it_follows_files_and_values(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("1")
    first = fingerprint([file], {"epochs": 3}, 0)
    assert fingerprint([file], {"epochs": 3}, 0) == first
    assert fingerprint([file], {"epochs": 4}, 0) != first
    file.write_text("0")
    assert fingerprint([file], {"epochs": 3}, 0) != first
