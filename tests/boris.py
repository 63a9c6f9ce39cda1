"""BORIS itself, in an environment and a process of its own, as the judge of the projects that are written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

VERSION = "8.27.4"
SECONDS = 100
"""For the installation; it takes 20 to 40 where packages are near."""

_SCRIPT = '''
"""Open a project with BORIS's own functions, check it, and export its events in all ways."""
import json, sys, types

def replace(name, **content):
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module

path, folder, answer = sys.argv[1:4]
sys.argv[1:] = []
try:
    import PyQt5.QtMultimedia
except ImportError:  # sound, of which a server has no library
    replace("PyQt5.QtMultimedia", QSound=object)
replace("boris.mpv2", MPV=object, sofile="libmpv.so.2")  # the player of videos

from PyQt5.QtWidgets import QApplication
application = QApplication([])
import tablib
from boris import behavior_binary_table, config, export_observation, project_functions, state_events

found, changed, project, message = project_functions.open_project_json(path)
assert "error" not in project, project["error"]
observations = project[config.OBSERVATIONS]
behaviors = [entry["code"] for entry in project[config.ETHOGRAM].values()]
subjects = [entry["name"] for entry in project[config.SUBJECTS].values()] + [config.NO_FOCAL_SUBJECT]
parameters = {
    config.SELECTED_SUBJECTS: subjects,
    config.SELECTED_BEHAVIORS: behaviors,
    config.EXCLUDE_BEHAVIORS: False,
    config.INCLUDE_MODIFIERS: False,
    "time": config.TIME_FULL_OBS,
    config.START_TIME: None,
    config.END_TIME: None,
}
HEADER = [
    *("Observation id", "Observation date", "Description", "Observation type", "Source", "Time offset (s)"),
    *("Coding duration", "Media duration (s)", "FPS (frame/s)", "Subject"),
    *("Observation duration by subject by observation", "Behavior", "Behavioral category", "Behavior type"),
    *("Start (s)", "Stop (s)", "Duration (s)", "Media file name", "Image index start", "Image index stop"),
    *("Image file path start", "Image file path stop", "Comment start", "Comment stop"),
]
events, files = {}, []
for number, (name, observation) in enumerate(observations.items()):
    with_status = project_functions.events_start_stop(
        project[config.ETHOGRAM], observation[config.EVENTS], observation[config.TYPE]
    )
    events[name] = [[float(event[0]), event[1], event[2], event[-1]] for event in with_status]
    for form in ("csv", "tsv", "xlsx", "ods"):
        if not observation[config.EVENTS]:
            continue
        file = f"{folder}/{number}_tabular.{form}"
        done, problem = export_observation.export_tabular_events(
            project, parameters, name, observation, project[config.ETHOGRAM], file, form
        )
        assert done, problem
        rows, _ = export_observation.export_aggregated_events(project, parameters, name)
        bouts = f"{folder}/{number}_aggregated.{form}"
        done, problem = export_observation.dataset_write(
            tablib.Dataset(*list(rows), headers=HEADER, title="bouts"), bouts, form
        )
        assert done, problem
        files += [[name, file], [name, bouts]]
with open(answer, "w") as file:
    json.dump({
        "changed": changed,
        "message": message,
        "problems": project_functions.check_project_integrity(project, "hh:mm:ss", path, media_file_available=False),
        "behaviors": behaviors,
        "subjects": subjects[:-1],
        "media": {name: observation[config.FILE]["1"] for name, observation in observations.items()},
        "events": events,
        "files": files,
    }, file)
'''


def install_boris(folder):
    """Return the Python of an environment with BORIS: that in ETHOMAKE_BORIS, or a new one; skip if there is none."""
    if given := os.environ.get("ETHOMAKE_BORIS"):
        return Path(given)
    python = Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    commands = (
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", f"boris-behav-obs=={VERSION}"],
    )
    for command in commands:
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            pytest.skip(f"BORIS could not be installed in {SECONDS} s")
        if done.returncode:
            pytest.skip(f"BORIS could not be installed: {done.stderr.strip().splitlines()[-1:]}")
    return python


def open_with_boris(python, project, folder):
    """Return what BORIS finds in a project: `behaviors`, `subjects`, `media`, `events`, `problems`, and its exports."""
    folder.mkdir(exist_ok=True)
    script, answer = folder / "ask.py", folder / "answer.json"
    script.write_text(_SCRIPT)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {"QT_QPA_PLATFORM": "offscreen", "MPLBACKEND": "Agg", "HOME": str(folder)}
    done = subprocess.run(
        [str(python), str(script), str(project), str(folder), str(answer)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    if done.returncode and "lib" in done.stderr and "cannot open shared object file" in done.stderr:
        pytest.skip(f"a library that BORIS needs is missing: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(answer.read_text())
