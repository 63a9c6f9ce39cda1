"""Snakemake with jobs that only pretend: real rules, real planning, real records, but no work.

What a pretended job writes is a digest of what it was given: the bytes of its inputs and of the user's files, and its
other params. So outputs differ if and only if something that they are made from differs, however far up. Each call is a
process of its own, forked from one that has Snakemake loaded already.
"""

import hashlib
import json
import os
import runpy
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).parents[2]
IGNORED = ("code", "checkpoint")  # params: the same in all calls, and where a training keeps its state
REMEMBERED = ("splits", "provenance", ".snakemake", ".checkpoints")  # what is in results/ and no output of a job
REMEMBERED += ("places.json", "packs.json", "late_packs.json", "adapted.json")
BENCHMARK = 5  # the place of the record of the benchmark among what Snakemake gives to scripts after the rule


@dataclass(frozen=True)
class Told:
    """What a call ended with.

    Attributes:
        status: the exit status.
        text: what it printed.
        jobs: the outputs of each job that it planned or did.
        opened: the files that it opened, as they were named.
    """

    status: int
    text: str
    jobs: list[frozenset[str]]
    opened: list[str]

    @property
    def outputs(self):
        return set().union(*self.jobs)


@contextmanager
def server():
    """Give a function `call(folder, *arguments, after={}, environment={})` that calls Snakemake in a folder.

    `after` is {path: content}: as soon as a job that reads this file of the user has recorded what it has read, the
    file gets other content.
    """
    command, environment = [sys.executable, __file__], os.environ | {"PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        ask, answer = process.stdin, process.stdout
        assert ask
        assert answer

        def call(folder, *arguments, after=None, environment=None):
            question = {"folder": str(folder), "arguments": arguments, "after": after or {}}
            ask.write(json.dumps(question | {"environment": environment or {}}) + "\n")
            ask.flush()
            status = int(answer.readline())
            text = (Path(folder) / "told.txt").read_text(encoding="utf-8")
            told = json.loads((Path(folder) / "told.json").read_text(encoding="utf-8"))
            return Told(status, text, [frozenset(outputs) for outputs in told["jobs"]], told["opened"])

        yield call
        ask.close()


def digest_of_path(path):
    """The digest of the bytes of a file, or of the names and bytes of all files in a folder."""
    path = Path(path)
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    inside = sorted(each for each in path.rglob("*") if each.is_file() and each.name != ".snakemake_timestamp")
    return _digest([[each.relative_to(path).as_posix(), digest_of_path(each)] for each in inside])


def outputs_of(results):
    """The digest of each output below a folder of results, by its path as in the rules."""
    results, found = Path(results), {}
    for path in sorted(results.rglob("*")):
        inside = path.relative_to(results)
        if (
            inside.parts[0] in REMEMBERED
            or path.name in REMEMBERED
            or any(part.endswith(".zarr") for part in inside.parts[:-1])
        ):
            continue
        if path.is_file() or path.suffix == ".zarr":
            found[f"results/{inside.as_posix()}"] = digest_of_path(path)
    return found


def _serve():
    """Answer questions, one a line, each by a process that is forked from this one, which has loaded everything."""
    import snakemake.cli
    import snakemake.workflow

    import ethomake.snakemake.dataflow
    import ethomake.snakemake.weights
    from ethomake.project.schemas import validator
    from ethomake.provenance.code import module_digests

    ethomake.snakemake.weights._ask = lambda question: ""  # whether weights fit is not asked
    for name in ("config", "videos"):
        validator(name)
    for script in (ROOT / "workflow/scripts").glob("*.py"):
        module_digests(script)
    execute, opened = snakemake.workflow.Workflow.execute, []

    def noting(self, *given, **options):
        try:
            return execute(self, *given, **options)
        finally:
            planned = self.dag.needrun_jobs(exclude_finished=False) if self.dag else ()
            jobs = [list(map(str, job.output)) for job in planned if job.output]
            Path("told.json").write_text(json.dumps({"jobs": jobs, "opened": opened}))

    snakemake.workflow.Workflow.execute = noting
    for line in sys.stdin:
        question = json.loads(line)
        child = os.fork()
        if not child:
            os.chdir(question["folder"])
            with open("told.txt", "w", encoding="utf-8") as file:
                os.dup2(file.fileno(), 1)
                os.dup2(file.fileno(), 2)
            Path("told.json").write_text('{"jobs": [], "opened": []}')
            sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)
            os.environ.update(question["environment"], XDG_CACHE_HOME=f"{question['folder']}/.cache")
            snakemake.workflow.script = _script(question["after"])
            snakemake.cli.main(["--snakefile", str(ROOT / "Snakefile"), *question["arguments"]])
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _script(after):
    def script(path, basedir, inputs, output, params, wildcards, threads, resources, log, config, rule, *others):
        if others[BENCHMARK]:
            others[BENCHMARK].running_time = 0.0  # else there is none: Snakemake looks only after a moment
        path = Path(str(basedir), str(path)).resolve()
        given = {"input": inputs, "output": output, "params": params, "wildcards": wildcards, "log": log}
        if not output:  # it looks at results or tidies them, which is little work
            runpy.run_path(str(path), {"snakemake": SimpleNamespace(rule=rule, threads=1, **given)})
        elif pack := params.get("pack"):
            for member in pack.members:
                _pretend(member, pack.script, after)
        else:
            _pretend(SimpleNamespace(rule=rule, threads=threads, **given), path, after)

    return script


def _pretend(job, script, after):
    """Write the outputs of a job, and its record as a real one does."""
    from ethomake.provenance.record import begin_record, write_record
    from ethomake.sources import find_sources

    begun = begin_record(job, script)
    sources = [str(each) for each in find_sources(dict(job.params.items()))]
    made = _digest(
        [
            job.rule,
            dict(job.wildcards.items()),
            {str(path): digest_of_path(path) for path in job.input},
            {name: _content(value) for name, value in job.params.items() if name not in IGNORED},
        ]
    )
    for path in map(Path, job.output):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".zarr":
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir()
            (path / "values").write_text(made)
        elif path.suffix == ".json":
            path.write_text(json.dumps(_manifest(job, made, sources)))
        else:
            path.write_text(made)
    if begun:
        write_record(begun, {})
    for path in sources:
        if path in after:
            Path(path).write_text(after[path])


def _manifest(job, made, sources):
    """What planning reads of the results: the facts of a video, the digest of its features."""
    facts = {"video": dict(job.wildcards.items()).get("video"), "frames_digest": made, "content_digest": made}
    if job.rule == "ingest_video":
        digest = f"sha256:{digest_of_path(sources[0])}"
        facts |= {"fps": 20.0, "crop": None, "source": {"bytes": os.stat(sources[0]).st_size, "digest": digest}}
    return facts


def _content(value):
    """A param with the user's files by their bytes, and without where they lie."""
    from ethomake.sources import ByContent, Uncompared

    if isinstance(value, ByContent):
        return digest_of_path(value)
    if isinstance(value, Uncompared):
        return ""
    if hasattr(value, "items"):
        return {name: _content(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_content(each) for each in value]
    return value


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


if __name__ == "__main__":
    _serve()
