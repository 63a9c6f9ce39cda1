# What the jobs of a pack (packs.smk) are, read, make and need, worked out from the workflow as it is for single videos.

from snakemake.io import AnnotatedString
from snakemake.iocontainers import Wildcards
from snakemake.rules import Rule

from ethomake.project import PARTS

# The rules that work on one video.
PACKED = ["draw_video", "ingest_video", "check_labels", "extract_features"]
PACKED += ["predict_video", "decide_behaviors", "draw_ethogram"]
PACK_RULES = {}  # the rule of each pack -> the rule that it stands for


class PackRule(Rule):
    """The rule of a pack; what a profile says of groups, known only after the rules, is that of the rule it stands for."""

    @property
    def group(self):
        return workflow.get_rule(PACK_RULES[self.name]).group


def packs_of(stage):
    """(name, run, videos) of each job that does a rule for several videos."""
    for run in RUNS if "run" in stage.wildcard_names else [""]:
        for number, names in enumerate(PACKS):
            groups = {"": [name for name in names if name in VIDEOS]}
            if stage.name == "check_labels":  # by part: labels of a test video must not remake those of others
                groups = {part: [name for name in groups[""] if PART_OF.get(name) == part] for part in PARTS}
            for part, videos in groups.items():
                if len(videos) > 1:
                    yield "_".join([stage.name, *filter(None, (run, part)), str(number)]), run, videos


def with_flags(file):
    """A file with what the rule says of it (ancient, a directory, of the report), but of no rule."""
    copy = AnnotatedString(str(file))
    copy.flags.update(file.flags)
    return copy


def wildcards_of(stage, run, videos):
    """The wildcards of the rule's job for each of some videos."""
    every = ({"video": video, "run": run} for video in videos)
    return [{name: values[name] for name in stage.wildcard_names} for values in every]


def outputs_of(stage, jobs):
    """The outputs of some jobs; a label of the report, which has a wildcard, as it is for the job."""
    for wildcards in jobs:
        for file in stage.expand_output(wildcards)[0]:
            file = with_flags(file)
            if "report" in file.flags:
                entry = file.flags["report"]
                labels = {key: text.format(**wildcards) for key, text in (entry.labels or {}).items()}
                file.flags["report"] = entry._replace(labels=labels)
            yield file


def inputs_of(stage, jobs):
    """An input function: the inputs of some jobs, each once."""

    def find(wildcards):
        files = (file for wildcards in jobs for file in stage.expand_input(Wildcards(fromdict=wildcards))[0])
        return [with_flags(file) for file in {str(file): file for file in files}.values()]

    return find


def resources_of(stage, jobs):
    """The resources of a rule, with what profile and command line say of them; those that depend on the video for all."""
    usual = workflow.resource_settings._parsed_default_resources

    def for_all(name, each):
        if not each.is_evaluable():
            return each.value
        return each._evaluator.of_all(jobs) if hasattr(each._evaluator, "of_all") else summed(name)

    def summed(name):  # what the profile or the command line computes
        def find(wildcards, attempt):
            videos = map(lambda each: Wildcards(fromdict=each), jobs)
            needs = [stage.expand_resources(each, stage.expand_input(each)[0], attempt)[name] for each in videos]
            return sum(needs) if name == "runtime" else max(needs)

        return find

    own = {name: each for name, each in stage.resources.items() if name[0] != "_" and each != usual.get(name)}
    return {name: for_all(name, each) for name, each in own.items()}


def member_of(stage, wildcards):
    """What the script is told about one job."""
    wildcards = Wildcards(fromdict=wildcards)
    source, output = stage.expand_input(wildcards)[0], stage.expand_output(wildcards)[0]
    return Member(
        stage.name,
        message=stage.message.format(wildcards=wildcards),
        log=stage.expand_log(wildcards)._plainstrings(),
        input=source._plainstrings(),
        output=output._plainstrings(),
        params=stage.expand_params(wildcards, source, output, None)[0],
        wildcards=wildcards,
    )


def pack_of(stage, jobs):
    """A param: some jobs. Snakemake does not look into it to find out what is outdated: see `settings_of`."""
    script = str(ROOT / "workflow" / "scripts" / Path(stage.script).name)
    pack = Pack(script, lambda: (member_of(stage, wildcards) for wildcards in jobs))
    return lambda wildcards: pack


def settings_of(stage, jobs):
    """A param: stands for the params of some jobs."""
    params = dict(stage.params.items())
    same = {name: value for name, value in params.items() if not callable(value)}
    own = {name: value for name, value in params.items() if callable(value)}

    def stand_in(wildcards):
        each = [{name: find(Wildcards(fromdict=job)) for name, find in own.items()} for job in jobs]
        return short_digest(same, each)

    return stand_in


def make_only(stage, paths):
    """Let a rule make just these files. Snakemake would find that out by matching one pattern after another."""
    stage.is_producer = set(map(str, paths)).__contains__


def leave(stage, paths):
    """Let a rule not make these files; else Snakemake would plan a job of it for each of them, too."""
    others, ask = set(map(str, paths)), stage.is_producer
    stage.is_producer = lambda path: path not in others and ask(path)
