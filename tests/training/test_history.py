from ethomake.training.history import draw_curves, read_history, write_history

ROWS = [
    {"epoch": 1, "learning_rate": 1e-4, "train_loss": 1.5, "validation_loss": 2.0},
    {"epoch": 2, "learning_rate": 1e-5, "train_loss": 1.0, "validation_loss": None},
]


def test_round_trip(tmp_path):
    write_history(tmp_path / "history.csv", ROWS)
    columns = read_history(tmp_path / "history.csv")
    assert columns["validation_loss"] == [2.0, None]
    assert columns["train_loss"] == [1.5, 1.0]
    assert columns["learning_rate"] == [1e-4, 1e-5]


def test_curves_have_the_same_bytes_each_time(tmp_path):
    write_history(tmp_path / "history.csv", ROWS)
    for name in "ab":
        draw_curves(tmp_path / "history.csv", tmp_path / f"{name}.png", tmp_path / f"{name}.svg", title="test")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert "<dc:date>" not in (tmp_path / "a.svg").read_text()
