"""Launch single-node data-parallel training (like torchrun), forwarding log output and recorded facts."""

import json
import logging
import os
import pickle
import platform
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from ethomake.errors import TransientError
from ethomake.files import read_json, write_json
from ethomake.messages import remember, remembered, show
from ethomake.processes import bound_to
from ethomake.training import parallel
from ethomake.training.gpus import claim_gpus, count_gpus, names_of

logger = logging.getLogger(__name__)

LIBRARY = Path(__file__).resolve().parents[2]
START = """
import os, sys
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # read when torch is imported
sys.path.insert(0, sys.argv[1])
from ethomake.training.launch import work
work(sys.argv[2])
"""
DATACLASS = "__dataclass__"  # the key of a class in the JSON of a task
SIGNALS = (signal.SIGTERM, signal.SIGINT)  # end this process and those that it has started


def processes_for(gpus: int) -> int:
    """Return the number of training processes of a job with `gpus` GPUs: one per GPU it sees, or one without any."""
    there = count_gpus()
    processes = max(1, min(gpus, there))
    if processes < gpus:
        number = "one process" if processes == 1 else f"{processes} processes"
        logger.info(
            f"{gpus} GPUs were asked for, but this job has {there or 'none'} to choose from: it trains in {number}"
        )
    return processes


def launch(function: Callable[..., None], processes: int, *given: Any, **options: Any) -> None:
    """Call a function of the library in several processes that share each batch; in this process if there is only one.

    The log output of the first process, and the facts it records, are forwarded to this process. If one process ends,
    all end.

    Args:
        function: a training function such as `train_flow`, of a module that can be imported.
        processes: number of processes; if this process sees that many GPUs, each gets one, else they share the CPU.
        given: positional arguments of `function`: plain values, paths, and dataclasses of these such as a TrainingPlan.
        options: its keyword arguments, likewise.

    Raises:
        TransientError: if one of the processes was killed.
        Exception: what was raised in the process that failed first, with its traceback as a note.
    """
    if processes == 1:
        function(*given, **options)
        return
    on_gpu = count_gpus() >= processes
    seen = {"CUDA_VISIBLE_DEVICES": names_of(claim_gpus(processes))} if on_gpu else {"ETHOMAKE_DEVICE": "cpu"}
    logger.info(f"training in {processes} processes, {'each with a GPU of its own' if on_gpu else 'on the CPU'}")
    with TemporaryDirectory(prefix="ethomake-") as name, _environment(seen), _signals() as ours:
        folder = Path(name)
        task = {"module": function.__module__, "function": function.__qualname__, "given": given, "options": options}
        task |= {"on_gpu": on_gpu, "parent": os.getpid()}
        (folder / "task.json").write_text(json.dumps(task, default=_encode))
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id="training",
            role="",
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",  # a free port
            local_addr="localhost",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(str(folder / "said"), Std.ALL, Std.ALL, {0}),
            log_line_prefix_template="${role_name}",  # the empty role: no prefix; the default template has one
            signals_to_handle=ours,
        )
        try:
            elastic_launch(config, sys.executable)("-P", "-c", START, str(LIBRARY), name)
        except ChildFailedError as error:
            raise _cause(error.failures, folder, processes) from None
        except SignalException as error:
            _end_by(error.sigval)
        for fact, value in read_json(folder / "facts.json").items():
            remember(fact, value)
    remember("processes", processes)


def work(name: str) -> None:
    """Run one process's part of the training that is described by task.json in the folder `name`."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends even a wait for a GPU; the parent process reports it
    show()
    folder, number = Path(name), int(os.environ["RANK"])
    task = json.loads((folder / "task.json").read_text(), object_hook=_decode)
    with bound_to(f"{platform.node()} {task['parent']}"):
        try:
            torch.set_num_threads(max(1, torch.get_num_threads() // int(os.environ["WORLD_SIZE"])))
            parallel.join(task["on_gpu"], int(os.environ["LOCAL_RANK"]))
            getattr(import_module(task["module"]), task["function"])(*task["given"], **task["options"])
            if parallel.is_first():
                write_json(folder / "facts.json", remembered())
            parallel.leave()
        except Exception as error:
            error.add_note(f"In process {number + 1}: {traceback.format_exc()}")
            lost = isinstance(error, dist.DistError) or "gloo/transport" in str(error)
            (folder / f"{'lost' if lost else 'error'}-{number}").write_bytes(pickle.dumps(error))
            sys.exit(1)


def _encode(value: Any) -> Any:
    """Encode what JSON cannot: a dataclass as its fields and the location of its class; a path as text."""
    if is_dataclass(value):
        own = type(value)
        return {
            DATACLASS: [own.__module__, own.__qualname__],
            **{f.name: getattr(value, f.name) for f in fields(value)},
        }
    return str(value)


def _decode(content: dict[str, Any]) -> Any:
    """Rebuild the dataclass that `_encode` has written."""
    if DATACLASS not in content:
        return content
    module, name = content.pop(DATACLASS)
    return getattr(import_module(module), name)(**content)


def _cause(failures: dict[int, ProcessFailure], folder: Path, processes: int) -> Exception:
    """Return the error that ended the processes: when one fails, the others lose their connection or are ended."""
    if errors := _raised(folder, "error"):
        return errors[0]
    others = {number: each.exitcode for number, each in failures.items() if each.exitcode != -signal.SIGTERM}
    if not others:
        return TransientError("the processes were ended from outside; what is done so far is kept: run again to go on")
    status_of = others.__getitem__
    number = min(others, key=status_of)  # exit codes: the negative number of a signal, 1 after a lost connection
    name = f"process {number + 1} of {processes}"
    if others[number] == -signal.SIGKILL:
        return TransientError(
            f"{name} was killed: there may not have been enough memory for all; what is done so far is kept: run "
            "again to go on"
        )
    if others[number] == 1 and (lost := _raised(folder, "lost")):
        return lost[0]
    logs = folder.glob(f"said/*/*/{number}/stderr.log")
    said = "".join(path.read_text(encoding="utf-8", errors="replace") for path in logs)
    return RuntimeError(f"{name} ended with status {others[number]}: {said[-2000:]}")


def _raised(folder: Path, kind: str) -> list[Exception]:
    """Return the exceptions that processes have raised, in the order of time."""
    paths = sorted(folder.glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime_ns)
    return [pickle.loads(path.read_bytes()) for path in paths]


@contextmanager
def _signals() -> Iterator[str]:
    """Yield the names of signals for torch to handle, and restore their handlers, which torch does not.

    Signals that are ignored stay ignored.
    """
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    handlers = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
    try:
        yield ",".join(number.name for number in handlers)
    finally:
        if threading.current_thread() is threading.main_thread():  # in other threads torch sets no handlers
            for number, handler in handlers.items():
                signal.signal(number, handler)


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables for the started processes, and silence torch's log here, as we report what matters."""
    before = dict(os.environ)
    os.environ.update(variables)
    names = [name for name in logging.root.manager.loggerDict if name.startswith("torch.distributed.elastic")]
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        os.environ.clear()
        os.environ.update(before)


def _end_by(number: signal.Signals) -> None:
    """End this process as a signal that torch has caught would have ended it."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
