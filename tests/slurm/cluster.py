"""A real SLURM cluster on one computer, for the tests: one node, a controller and fake GPUs, all in one folder.

It needs root and Debian's packages `slurm-wlm` and `munge`, but neither systemd nor cgroups, and it leaves a SLURM
that is set up in /etc alone: settings, keys, sockets and states are in its folder, and its ports are its own.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sacct", "scancel", "scontrol", "sinfo")
SYSTEM = "/usr/sbin:/sbin"  # where daemons are; not on every PATH

# What SLURM takes for GPUs: any character device will do, each a different one.
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom")

SETTINGS = """\
ClusterName=tests
SlurmctldHost=localhost
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
# no cgroups: processes are found by their parents, and who is over the memory is killed when that is seen
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
KillWait=2
MpiDefault=none
ReturnToService=2
# what no node can ever hold is refused instead of queued
EnforcePartLimits=ALL
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=100000,bf_interval=5
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
AccountingStorageType=accounting_storage/none
# the node is said to be larger than this computer: the rules ask for what real work needs
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=localhost CPUs=32 RealMemory=256000 Gres=gpu:{gpus}
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
# changed by tests
{changes}
"""


@dataclass
class Cluster:
    """A cluster that runs; its commands find it by the environment variable SLURM_CONF.

    Attributes:
        folder: where all of it is.
        gpus: how many GPUs the node says it has, 4 at most.
        ports: of controller and node.
        settings: lines of slurm.conf in place of, or beside, those above.
    """

    folder: Path
    gpus: int = 2
    ports: tuple[int, int] = field(default_factory=lambda: free_ports(2))
    settings: dict[str, str] = field(  # jobs are remembered until the last test has asked for them
        default_factory=lambda: {"MinJobAge": "7200", "MaxJobCount": "10000"}
    )

    @property
    def environment(self) -> dict[str, str]:
        """The environment of this process and what commands need to find the cluster."""
        path = f"{self.folder / 'bin'}:{os.environ.get('PATH', os.defpath)}:{SYSTEM}"
        return os.environ | {"SLURM_CONF": str(self.folder / "slurm.conf"), "PATH": path}

    def start(self) -> None:
        """Bring everything up.

        Raises:
            RuntimeError: if a daemon does not start, with the end of its log.
        """
        for name in ("state", "spool", "bin"):
            (self.folder / name).mkdir(exist_ok=True)
        # Snakemake's plugin hides SLURM_CONF from the steps of its jobs
        step = f'#!/bin/sh\nSLURM_CONF={self.folder}/slurm.conf exec {shutil.which("srun")} "$@"\n'
        asked = '#!/bin/sh\necho "{0} $*" >>{1}/asked.txt\nexec {2} "$@"\n'
        ask = {name: asked.format(name, self.folder, shutil.which(name)) for name in ("squeue", "sacct")}
        for name, script in ({"srun": step} | ask).items():
            (self.folder / "bin" / name).write_text(script)
            (self.folder / "bin" / name).chmod(0o755)
        (self.folder / "munge.key").write_bytes(secrets.token_bytes(128))
        (self.folder / "munge.key").chmod(0o400)
        self.start_munge()
        self.configure()
        self.start_controller()
        self.start_node()
        wait_until(self.idle, 60, "the node is idle", self.ends_of_logs)

    def stop(self) -> None:
        """End all jobs and all daemons."""
        with suppress(subprocess.SubprocessError):
            self.ask("scancel", "--user=root", timeout=20)
            wait_until(lambda: not self.jobs(), 20, "all jobs have ended")
        for name in ("slurmd", "slurmctld", "munged"):
            self.end(name)

    def configure(self, **changes: str) -> None:
        """Write the settings; daemons that run already read some of them when they start again."""
        self.settings |= changes
        lines = "\n".join(f"{name}={value}" for name, value in self.settings.items())
        text = SETTINGS.format(folder=self.folder, gpus=self.gpus, ports=self.ports, changes=lines)
        (self.folder / "slurm.conf").write_text(text)
        gpus = (f"Name=gpu File={device}\n" for device in DEVICES[: self.gpus])
        (self.folder / "gres.conf").write_text("".join(gpus))
        # read even where nothing uses cgroups; this plugin starts without any
        (self.folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\n")

    def start_munge(self) -> None:
        """Start the service by which daemons and commands trust each other."""
        files = {
            "key-file": "munge.key",
            "socket": "munge.socket",
            "pid-file": "munged.pid",
            "log-file": "munged.log",
            "seed-file": "munge.seed",
        }
        options = [f"--{option}={self.folder / name}" for option, name in files.items()]
        self.run_daemon("munged", "--force", *options)

    def start_controller(self) -> None:
        """Start slurmctld, which goes on with the jobs it knew."""
        self.run_daemon("slurmctld")
        wait_until(
            lambda: self.ask("scontrol", "ping").returncode == 0, 60, "the controller answers", self.ends_of_logs
        )

    def start_node(self) -> None:
        """Start slurmd, which finds the jobs again that run under it."""
        self.run_daemon("slurmd", "-N", "localhost")

    def run_daemon(self, name: str, *options: str) -> None:
        """Start a daemon in the background, with no more right to the processor than these tests have."""
        done = subprocess.run([name, *options], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr.strip()}\n{self.ends_of_logs()}")

    def end(self, name: str, how: int = signal.SIGTERM) -> None:
        """End a daemon and wait for it."""
        try:
            process = int((self.folder / f"{name}.pid").read_text())
            os.kill(process, how)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return
        wait_until(lambda: not Path(f"/proc/{process}").exists(), 60, f"{name} has ended", self.ends_of_logs)

    def ask(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess:
        """Run one of SLURM's commands."""
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=timeout)

    def jobs(self, form: str = "%i %T", *options: str) -> list[str]:
        """What squeue says, a line a job; by default number and state of those that have not ended."""
        return self.ask("squeue", "--noheader", f"--format={form}", *options).stdout.splitlines()

    def asked(self) -> int:
        """How often squeue or sacct was called."""
        return len((self.folder / "asked.txt").read_text().splitlines())

    def answers(self) -> bool:
        """Whether the controller is there."""
        return self.ask("scontrol", "ping").returncode == 0

    def idle(self) -> bool:
        """Whether the node waits for work."""
        return self.ask("sinfo", "--noheader", "--format=%T").stdout.strip() == "idle"

    def ends_of_logs(self) -> str:
        """The last lines of what the daemons have written."""
        ends = []
        for path in sorted(self.folder.glob("*.log")):
            ends += [f"{path.name}:", *path.read_text(errors="replace").splitlines()[-10:]]
        return "\n".join(ends)


def missing() -> str:
    """Why there can be no cluster here; nothing if there can be one."""
    absent = [name for name in PROGRAMS if not shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM}")]
    if absent:
        return f"no {', '.join(absent)} here; on Debian or Ubuntu: apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "SLURM's daemons need root to run jobs"


def free_ports(n: int) -> tuple[int, ...]:
    """Ports that nobody listens on."""
    sockets = [socket.create_server(("", 0)) for _ in range(n)]
    ports = tuple(each.getsockname()[1] for each in sockets)
    for each in sockets:
        each.close()
    return ports


def wait_until(
    condition: Callable[[], object], seconds: float, words: str, explain: Callable[[], str] = lambda: ""
) -> object:
    """Ask again and again until something is so; give the answer.

    Raises:
        AssertionError: if it is not so in time.
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {seconds:.0f} s: {words}\n{explain()}")
        time.sleep(0.2)
    return answer
