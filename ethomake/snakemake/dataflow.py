"""Where the rules find their inputs and settings: in the run of a job, each input at the home of its stage.

The functions that are called "an input function" or "a param" return a function of a job's wildcards, as Snakemake
calls it when it plans the job.
"""

from collections.abc import Callable, Iterable
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from snakemake.io import ancient, expand
from snakemake.iocontainers import Wildcards as Values

from ethomake.bundle.read import Bundle
from ethomake.evaluation import files as evaluation_files
from ethomake.files import short_digest
from ethomake.project import CHECK, PARTS, runs
from ethomake.project.load import Project
from ethomake.project.recordings import file_name_of, read_adapted, videos_to_adapt, write_adapted, write_places
from ethomake.project.runs import Run, part_of_each
from ethomake.project.settings import is_weights_file
from ethomake.project.splits import deal_folds, write_split
from ethomake.project.videos import Video
from ethomake.provenance.code import code_digest
from ethomake.provenance.record import record_path
from ethomake.provenance.tidy import find_leftovers
from ethomake.snakemake.stop import stop
from ethomake.sources import ByContent, Uncompared

Wildcards = Any
"""The wildcards of a job, `snakemake.iocontainers.Wildcards`: their values are attributes unknown to type checkers."""

StageName = str | Callable[[Wildcards], str]
"""The name of a stage, or a function of the wildcards that returns it."""

TITLES = {
    "flow": "Flow network",
    "spatial": "Spatial stream",
    "motion": "Motion stream",
    "joint": "Both streams together",
    "sequence": "Sequence model",
}
"""The title of the learning curves of each training."""

IN_STREAMS = ("spatial", "motion", "joint", "frozen")
"""Stages whose results lie in results/streams/<run>/."""

READERS = {
    "video": "logs/ingest/{video}.log",
    "track": "logs/ingest/{video}.log",
    "labels": "logs/labels/{video}.log",
    "bundle": "logs/models.log",
}
"""By file of the user: the log of the job that reads it."""

RATERS_LOG = "logs/labels/raters/compare.log"
"""The log of the job that reads the label files of second raters."""

STARTERS = {
    "flow": ("flow", "logs/flow/{run}.log"),
    "spatial": ("streams", "logs/streams/{run}/spatial.log"),
    "motion": ("streams", "logs/streams/{run}/motion.log"),
    "frozen": ("streams", "logs/streams/{run}/frozen.log"),
}
"""By stage: the section of the settings that may name a file of weights, and the log of the job that reads it."""

ADAPTED = "results/features/adapted.json"
"""The videos of each recording that streams were adapted to first; shared by all runs."""


class DataFlow:
    """The inputs and settings of the rules of a project.

    The user's own files (videos, labels, weights, bundles) are no inputs but params, which Snakemake compares by their
    content (`ethomake.sources.ByContent`): of inputs it compares path and date. They are inputs where another rule
    makes them, as those of the examples, and where Snakemake has to fetch them from a storage.

    Args:
        project: the checked project.
        bundle: the bundle whose models are used; None where models are trained here.
        scripts: the folder of the scripts of the rules.
        stored: whether files are in a storage, and not on this disk.
    """

    def __init__(self, project: Project, bundle: Bundle | None, scripts: Path, stored: bool = False):
        self.project, self.bundle, self.scripts, self.stored = project, bundle, scripts, stored
        self.made = project.main.settings["example"] != "none"
        self.code_of = cache(self._code_of)
        self.thresholds = "results/models/thresholds.json" if bundle else "results/ethograms/{run}/thresholds.json"
        self.subjects = {
            name: {"subject": video.subject, "group": video.group} for name, video in project.videos.items()
        }

    # --- videos, runs and parts --------------------------------------------------------------------------------

    def video_of(self, wildcards: Wildcards) -> Video:
        """Return the row of the video table for the video of a job."""
        if wildcards.video not in self.project.videos:
            stop(f"{wildcards.video}: no video of this name in the video table")
        return self.project.videos[wildcards.video]

    def run_of(self, name: str) -> Run:
        """Return a run by its name."""
        if name not in self.project.runs:
            stop(f"{name}: no run of this name; there is {', '.join(self.project.runs)}")
        return self.project.runs[name]

    def home(self, stage: str, run: str) -> str:
        """Return the run whose folder has the results of a stage (see docs/runs.md)."""
        return self.project.homes[stage, self.run_of(run).name]

    def rates_of(self, videos: Iterable[str]) -> dict[str, float]:
        """Return the frames per second of life of those videos for which the video table has them."""
        rows = (self.project.videos[name] for name in videos)
        return {row.video: row.rate for row in rows if row.rate}

    def part_of(self, run: str, part: str) -> list[str]:
        """Return the names of the videos of a part in a run.

        Args:
            part: `train`, `validate`, `test` or `check`; `learning`, the first two together; `flow.train` or
                `flow.validate`, those of the flow network.
        """
        if part == "learning":
            return sorted(name for one in runs.LEARNING for name in self.part_of(run, one))
        return runs.part_of(self.run_of(run).split, part)

    def learned_from(self, run: str) -> list[str]:
        """Return the videos that networks and thresholds are fitted on; none where they come from a bundle."""
        parts = ("train", "validate", "flow.train", "flow.validate")
        return [] if self.bundle else sorted({name for part in parts for name in self.part_of(run, part)})

    @cached_property
    def parts_by_run(self) -> dict[str, dict[str, str]]:
        """For each run, the part of each video that is learned from or tested on; of runs with one split, the first."""
        distinct: dict[str, dict[str, str]] = {}
        for name, run in self.project.runs.items():
            parts = dict(sorted(part_of_each(run.split).items()))
            if parts not in distinct.values():
                distinct[name] = parts
        return distinct

    @cached_property
    def compared(self) -> list[str]:
        """The videos whose frames are compared, so that no two parts share a video."""
        return sorted({video for part_of in self.parts_by_run.values() for video in part_of})

    def keep_splits(self) -> None:
        """Write the split of each run, which the next invocation reads, so that videos keep their part."""
        for run in [] if self.bundle else self.project.runs.values():
            seed, split = run.settings["seed"], run.split
            write_split(f"results/splits/{run.name}.json", split.remembered, run=run.name, seed=seed, flow=split.flow)

    def keep_adapted(self) -> None:
        """Write to which videos of each recording streams are adapted, if they are: those of the first time stay."""
        if any(runs.STAGES["adapted"].is_used(run.settings) for run in self.project.runs.values()):
            gone = {name: names for name, names in read_adapted(ADAPTED).items() if name not in self.adapted_to}
            write_adapted(ADAPTED, gone | self.adapted_to)

    def keep_places(self) -> None:
        """Write where each video lies, so that its recording keeps its name when the file is moved."""
        if self.project.places:
            write_places(self.project.places)

    def leftovers(self) -> dict[str, str]:
        """Return the results that stay behind, by path, with the name of the video that is not in the table."""
        unused = []
        for run in [run for run in self.project.runs if self.home("evaluation", run) == run]:
            folder, test, check = f"results/evaluation/{run}", self.part_of(run, "test"), self.part_of(run, CHECK)
            unused += [f"{folder}/{CHECK}"] if test and not check else []
            unused += [f"{folder}/{file}" for file in evaluation_files.FILES] if check and not test else []
            unused += [folder] if not test and not check else []
        unused += [] if self.second_rated else ["results/labels/raters"]
        videos = self.project.videos
        labelled = {name for name, video in videos.items() if video.labels}
        return find_leftovers(set(videos), labelled, unused, set(map(file_name_of, self.project.recordings.values())))

    @cached_property
    def adapted_to(self) -> dict[str, list[str]]:
        """The videos of each recording that streams are adapted to."""
        return videos_to_adapt(self.project.recordings, read_adapted(ADAPTED))

    # --- inputs ------------------------------------------------------------------------------------------------

    def at_home(self, stage: str, pattern: str) -> Callable[[Wildcards], str]:
        """An input function: the file that `pattern` names, at the home of the stage that makes it."""
        return lambda wildcards: pattern.format(
            **{**dict(wildcards.items()), "run": self.home(stage, wildcards.run)},
        )

    def part_files(self, part: str, pattern: str, stage: str = "ingest") -> Callable[[Wildcards], Any]:
        """An input function: the file that `pattern` names for each video of a part, at the home of its stage.

        The part `learning` is those for training and validation together.
        """
        return lambda wildcards: expand(
            pattern, video=self.part_of(wildcards.run, part), run=self.home(stage, wildcards.run)
        )

    def stored_frames(self, part: str) -> Callable[[Wildcards], Any]:
        """An input function: the frame stores of a part. Ancient: video.json beside them shows when they change."""
        return lambda wildcards: ancient(
            expand(
                "results/ingest/{video}/{file}",
                video=self.part_of(wildcards.run, part),
                file=["frames.mjpeg", "frames.npy"],
            )
        )

    def recording_of(self, wildcards: Wildcards) -> str:
        """A param: the name of the recording whose files have the wildcard `recording` in their names."""
        names = {file_name_of(recording): recording for recording in self.adapted_to}
        if wildcards.recording not in names:
            stop(f"{wildcards.recording}: no recording has files of this name")
        return names[wildcards.recording]

    def recording_files(self, pattern: str) -> Callable[[Wildcards], list[str]]:
        """An input function: the file that `pattern` names for each video that streams are adapted to."""
        return lambda wildcards: [pattern.format(video=name) for name in self.adapted_to[self.recording_of(wildcards)]]

    def adapted_statistics(self, wildcards: Wildcards) -> dict[str, str]:
        """An input function to unpack: the statistics of the recording of a video, as `adapted`, if streams adapt."""
        if not runs.STAGES["adapted"].is_used(self.run_of(wildcards.run).settings):
            return {}
        home, recording = self.home("adapted", wildcards.run), self.project.recordings[self.video_of(wildcards).video]
        return {"adapted": f"results/features/{home}/adapted/{file_name_of(recording)}.safetensors"}

    def source_input(self, kind: str) -> Callable[[Wildcards], list[str]]:
        """An input function: the video (`video`) or the labels (`labels`) of a job, unless it is a param."""

        def find(wildcards: Wildcards) -> list[str]:
            path = _source(self.video_of(wildcards), kind)
            return [path] if path and (self.made or self.stored) else []

        return find

    def bundle_input(self) -> dict[str, str]:
        """Return the files of the bundle by what they are, unless they are a param."""
        return self.bundle.files if self.bundle and self.stored else {}

    def weights_input(self, section: str) -> Callable[[Wildcards], list[str]]:
        """An input function: the file of weights that a section of the config starts from, if it is no param."""

        def find(wildcards: Wildcards) -> list[str]:
            weights = self.run_of(wildcards.run).settings[section]["weights"]
            return [weights] if self.stored and is_weights_file(weights) else []

        return find

    def stream_weights(self, wildcards: Wildcards) -> list[str]:
        """An input function: the file of weights that the trained streams start from, given or fetched."""
        if runs.starts_from_public(self.run_of(wildcards.run).settings):
            return [f"results/streams/{self.home('pretrained', wildcards.run)}/pretrained.safetensors"]
        return self.weights_input("streams")(wildcards)

    def trained_models(self, run: str) -> list[tuple[str, str]]:
        """Return (name, weights file) of each network that features are extracted with."""
        streams = self.run_of(run).settings["streams"]
        names = ["flow"] if "motion" in streams["enabled"] else []
        names += [name for name in ("spatial", "motion", "frozen") if name in streams["enabled"]]
        if self.bundle:  # apart from what was trained here, so that no training is lost while a bundle is in use
            return [(name, f"results/models/{name}.safetensors") for name in names]
        if streams["joint_epochs"]:
            return [(name, f"results/streams/{self.home('joint', run)}/joint/{name}.safetensors") for name in names]
        return [(name, f"results/{self._folder(name, run)}/weights.safetensors") for name in names]

    def sequence_model(self, run: str) -> str:
        """Return the weights of the sequence model."""
        if self.bundle:
            return "results/models/sequence.safetensors"
        return f"results/{self._folder('sequence', run)}/weights.safetensors"

    def learning_curves(self, run: str) -> list[tuple[str, str]]:
        """Return (title, figure) of the learning curves of each training; a bundle has none."""
        if self.bundle:
            return []
        settings = self.run_of(run).settings
        used = [stage for stage in TITLES if runs.STAGES[stage].is_used(settings)]
        return [(TITLES[stage], f"results/{self._folder(stage, run)}/curves.svg") for stage in used]

    def evaluation_of(self, run: str) -> list[str]:
        """Return the files of the evaluation of a run; none if it has no test videos."""
        files = evaluation_files.FILES if self.part_of(run, "test") else []
        return [f"results/evaluation/{self.home('evaluation', run)}/{file}" for file in files]

    @cached_property
    def second_rated(self) -> list[str]:
        """The videos with the labels of a second person."""
        return [name for name, video in self.project.videos.items() if video.second_labels]

    def raters(self) -> list[str]:
        """Return the files of the comparison of two raters; none if no video has second labels."""
        return [f"results/labels/raters/{file}" for file in evaluation_files.RATERS] if self.second_rated else []

    def second_input(self, wildcards: Wildcards) -> list[str]:
        """An input function: the label files of second raters, unless they are a param."""
        videos = self.project.videos
        return [videos[name].second_labels for name in self.second_rated] if self.stored else []

    def second_sources(self, wildcards: Wildcards = None) -> list[ByContent]:
        """A param: the label files of second raters, by content; none where they are inputs."""
        videos, record = self.project.videos, record_path(RATERS_LOG)
        names = [] if self.stored else self.second_rated
        return [ByContent(videos[name].second_labels, f"second labels of {name}", record) for name in names]

    def checks_of(self, run: str) -> list[str]:
        """Return the tables of the evaluation of the check videos of a run; none if it has none."""
        files = evaluation_files.TABLES if self.part_of(run, CHECK) else []
        return [f"results/evaluation/{self.home('evaluation', run)}/{CHECK}/{file}" for file in files]

    def stream_scores_of(self, run: str) -> list[str]:
        """Return the scores of each stream by itself; none if no stream is trained or no video is labelled."""
        scored = runs.STAGES["stream_scores"].is_used(self.run_of(run).settings) and self.scored(run)
        return [f"results/features/{self.home('stream_scores', run)}/streams/scores.json"] if scored else []

    def scored(self, run: str) -> list[tuple[str, str]]:
        """Return name and part of the videos that are dealt to the parts of the split of a run, by part."""
        return [(name, part) for part in PARTS for name in self.part_of(run, part)]

    def ethograms_of(self, run: str, pattern: str) -> list[str]:
        """Return a file of the ethograms of a run for each video; `pattern` has a wildcard `video`."""
        folder = f"results/ethograms/{self.home('ethogram', run)}"
        return [f"{folder}/{pattern.format(video=name)}" for name in self.project.videos]

    def _folder(self, training: str, run: str) -> str:
        """Return the folder of a training below results/."""
        home = self.home(training, run)
        return f"streams/{home}/{training}" if training in IN_STREAMS else f"{training}/{home}"

    # --- params ------------------------------------------------------------------------------------------------

    def _code_of(self, script: str) -> str:
        """A param: the digest of a script and the modules it imports, so that an edit of them reruns the rule."""
        return code_digest(self.scripts / f"{script}.py")

    def source(self, kind: str) -> Callable[[Wildcards], ByContent | None]:
        """A param: the video (`video`) or the labels (`labels`) of a job, by content; None where it is an input."""

        def find(wildcards: Wildcards) -> ByContent | None:
            path = _source(video := self.video_of(wildcards), kind)
            log = READERS[kind].format(video=video.video)
            return None if self.made or self.stored or not path else ByContent(path, kind, record_path(log))

        return find

    def following(self, wildcards: Wildcards) -> dict[str, Any] | None:
        """A param: how a video follows its animal; None for one without a track, which does not depend on it."""
        return self.project.main.settings["track"] if self.video_of(wildcards).track else None

    def bundle_source(self, wildcards: Wildcards) -> dict[str, ByContent]:
        """A param: the files of the bundle by what they are, by content; none where they are inputs."""
        files = self.bundle.files if self.bundle and not self.stored else {}
        return {what: ByContent(path, what, record_path(READERS["bundle"])) for what, path in files.items()}

    def sources(self, wildcards: Wildcards = None) -> list[ByContent]:
        """A param: all files of the user that results are made from, by content."""
        videos = [Values(fromdict={"video": name}) for name in self.project.videos]
        found = [self.source(kind)(video) for kind in ("video", "track", "labels") for video in videos]
        found += self.second_sources()
        for run in [] if self.bundle else self.project.runs.values():
            for stage, (section, _) in STARTERS.items():
                if self.home(stage, run.name) == run.name and runs.STAGES[stage].is_used(run.settings):
                    found.append(self._by_content(stage, run.name, run.settings[section]).get("weights"))
        return [each for each in [*found, *self.bundle_source(wildcards).values()] if isinstance(each, ByContent)]

    def settings_of(self, stage: StageName, section: str) -> Callable[[Wildcards], Any]:
        """A param: a section of the settings, or one value such as the seed, as far as a stage depends on it."""

        def find(wildcards: Wildcards) -> Any:
            return self._by_content(_name(stage, wildcards), wildcards.run, self._settings(stage, wildcards)[section])

        return find

    def _by_content(self, stage: str, run: str, settings: Any) -> Any:
        """Return a section of the settings of a stage in which a file of weights counts by its content."""
        if self.stored or not isinstance(settings, dict) or not is_weights_file(settings.get("weights", "none")):
            return settings
        record = record_path(STARTERS[stage][1].format(run=run))
        return settings | {"weights": ByContent(settings["weights"], "weights", record)}

    def described_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """A param: the complete settings of a run, for those who write them down; where files lie does not matter."""
        settings = dict(self.run_of(wildcards.get("run", "main")).settings)
        for section in ("flow", "streams"):
            if is_weights_file(settings[section]["weights"]):
                settings[section] = settings[section] | {"weights": Uncompared(settings[section]["weights"])}
        return settings | {"videos": Uncompared(settings["videos"]), "models": _bundle_place(settings["models"])}

    def setting(self, section: str, *keys: str) -> Callable[[Wildcards], Any]:
        """A param: one value of a section of the settings; of several keys a dictionary."""

        def find(wildcards: Wildcards) -> Any:
            values = self.run_of(wildcards.run).settings[section]
            return values[keys[0]] if len(keys) == 1 else {key: values[key] for key in values if key in keys}

        return find

    def stream_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """A param: the settings of the training of a stream; how flow is computed matters only to the motion stream."""
        taken = self._settings(wildcards.stream, wildcards)
        return self._by_content(wildcards.stream, wildcards.run, taken["streams"]) | taken.get("flow", {})

    def trained_on(self, *parts: str) -> Callable[[Wildcards], dict[str, list[str]]]:
        """A param: the videos of some parts. Snakemake does not see a video move from one part to another."""
        return lambda wildcards: {part.removeprefix("flow."): self.part_of(wildcards.run, part) for part in parts}

    def folds(self, wildcards: Wildcards) -> list[list[str]]:
        """A param: the videos of each fold of a run, sequence models being trained without them (see `deal_folds`)."""
        by = self.run_of(wildcards.run).settings["split"]["by"]
        names = self.part_of(wildcards.run, "learning")
        return deal_folds(names, self.project.videos, self.project.recordings, by=by)

    def recordings(self, wildcards: Wildcards) -> list[str]:
        """A param: the recording of each video for training and validation."""
        return [self.project.recordings[name] for name in self.part_of(wildcards.run, "learning")]

    def checkpoint_of(self, stage: StageName, script: str) -> Callable[[Wildcards], str]:
        """A param: where a job keeps its state. No output, so that it survives a kill; named by settings and code.

        Where a file of weights lies is not in the name, which Snakemake compares; what is in it the job sees itself.
        """

        def find(wildcards: Wildcards) -> str:
            settings = {name: _without_place(one) for name, one in self._settings(stage, wildcards).items()}
            digest = short_digest(self.code_of(script), settings)
            return f"results/.checkpoints/{_name(stage, wildcards)}-{'+'.join(wildcards)}-{digest}"

        return find

    def scored_as(self, wildcards: Wildcards) -> list[list[str]]:
        """A param: recording and part of the videos of the split."""
        return [[self.project.recordings[name], part] for name, part in self.scored(wildcards.run)]

    def report_rows(self, wildcards: Wildcards) -> list[dict[str, Any]]:
        """A param: the part, subject and group of each video, and its rate where the table has it."""
        split = self.run_of(wildcards.run).split
        part_of = {name: part for part, names in split.parts.items() for name in names}
        rates = self.rates_of(self.project.videos)
        return [
            {"video": name, "part": part_of.get(name, ""), **self.subjects[name]}
            | ({"rate": rates[name]} if name in rates else {})
            for name in self.project.videos
        ]

    def _settings(self, stage: StageName, wildcards: Wildcards) -> dict[str, Any]:
        return runs.stage_settings(_name(stage, wildcards), self.run_of(wildcards.run).settings)


def curves_title(wildcards: Wildcards) -> str:
    """A param: the title of a figure of learning curves."""
    return next(title for stage, title in TITLES.items() if stage in wildcards.trained.split("/")[::2])


def stream_of(wildcards: Wildcards) -> str:
    """Return the stage that the training of a stream belongs to."""
    return wildcards.stream


def _source(video: Video, kind: str) -> str:
    """Return the path of the user's file for a video, `video`, `track` or `labels`."""
    return {"video": video.path, "track": video.track, "labels": video.labels}[kind]


def _without_place(section: Any) -> Any:
    """Return a section of the settings without the path of the file of weights that it may name."""
    if not isinstance(section, dict) or not is_weights_file(section.get("weights", "none")):
        return section
    return section | {"weights": "a file"}


def _bundle_place(models: str) -> str:
    return models if models == "none" else Uncompared(models)


def _name(stage: StageName, wildcards: Wildcards) -> str:
    return stage(wildcards) if callable(stage) else stage
