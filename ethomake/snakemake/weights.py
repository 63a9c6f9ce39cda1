"""Look at the files of weights that a config names, before any job runs: a training may take hours until it does."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

from ethomake import workplace
from ethomake.errors import InputError
from ethomake.failures import MISTAKE
from ethomake.project.load import Project
from ethomake.project.runs import MAIN, STAGES
from ethomake.project.settings import is_weights_file
from ethomake.provenance.code import code_digest
from ethomake.sources import found_in

SECTIONS = {"flow": "flow", "spatial": "streams", "motion": "streams", "frozen": "streams"}
"""By stage: the section of the settings that may name a file of weights to start from."""


ASKED = workplace.LIBRARY / "ethomake/streams/given.py"


class _NotLookedAtError(Exception):
    """It could not be found out whether weights fit."""


def check_weights(project: Project) -> None:
    """Check that the files of weights which the runs start from fit their networks; each file is looked at only once.

    Where planning has no torch, as where jobs have environments of their own, the jobs say so.

    Raises:
        InputError: for the first that does not.
    """
    if project.main.settings["models"] != "none" or find_spec("torch") is None:
        return
    for run in project.runs.values():
        for stage, section in SECTIONS.items():
            path, network = run.settings[section]["weights"], run.settings[section]["network"]
            if not STAGES[stage].is_used(run.settings) or not is_weights_file(path):
                continue
            question = [stage, network, run.settings["streams"]["sees"], path]
            reader = f"fits {question[:3]} {code_digest(ASKED)}"
            try:
                found_in(path, reader, lambda question=question: _ask(question))
            except InputError as error:
                key = f"{section}.weights" if run.name == MAIN else f"runs.{run.name}.{section}.weights"
                raise InputError(f"config: {key}: {error}") from None
            except _NotLookedAtError:
                continue


def _ask(question: list[str]) -> str:
    """Ask a process that has torch; return "" if the weights fit.

    Raises:
        InputError: if they do not.
    """
    library = filter(None, [str(workplace.LIBRARY), os.environ.get("PYTHONPATH")])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(library)}
    command = [sys.executable, "-m", "ethomake.streams.given", json.dumps(question)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    except OSError:
        raise _NotLookedAtError from None
    if done.returncode == MISTAKE and done.stderr.strip():
        raise InputError(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        raise _NotLookedAtError
    return ""
