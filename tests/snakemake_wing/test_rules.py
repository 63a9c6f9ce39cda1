"""That nothing is forgotten where a rule is added: its estimate, its line of costs, words for what it makes."""

import re
from pathlib import Path

import pytest

from ethomake.project.runs import LABELLED, STAGES, VIDEO
from ethomake.project.settings import resolve_settings
from ethomake.provenance.explain import name_of
from ethomake.scheduling.costs import jobs_of, plan
from ethomake.scheduling.resources import WORK

ROOT = Path(__file__).parents[2]

# What an experiment may do without, or what is computed anew whenever it is asked for: no part of its costs.
ASIDE = {"fetch_flies", "cut_flies", "draw_video", "take_models", "make_bundle", "check", "provenance", "costs"}
ASIDE |= {"evaluate_check", "compare_raters"}
ASIDE |= {"tidy", "tidy_now", "export_labels"}
UNESTIMATED = {"costs", "tidy", "tidy_now"}  # print what was found in planning


def rules():
    """Each rule that does something: its name -> its text. Those in a loop have a name that is computed."""
    found = {}
    for path in sorted((ROOT / "workflow/rules").glob("*.smk")):
        for text in re.split(r"^(?= *(?:use )?rule\b)", path.read_text(), flags=re.MULTILINE)[1:]:
            name = re.match(r" *(?:rule|use rule \w+ as) (\w+)(?::| with:)", text)
            name = name or re.search(r'name:\s+f"([a-z_]+)_\{', text)
            if path.name != "packs.smk" and name:
                found[name[1]] = text
    return found


RULES = rules()


def outputs(text):
    """The patterns of what a rule makes, as far as they are written in it."""
    found = re.search(r"^ +output:\n(.*?)(?=^ +log:)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r'"(results/[^"]+[^/])"', found[1]) if found else []


def test_they_are_all_found():
    assert len(RULES) >= 24
    assert {"ingest_video", "cut_flies", "train_joint", "write_report", "check"} <= set(RULES)


@pytest.mark.parametrize("rule", sorted(set(RULES) - UNESTIMATED))
def test_every_rule_has_an_estimate_that_it_asks_for(rule):
    assert rule in WORK
    assert f'mem_mb=memory_of("{rule}")' in RULES[rule]
    assert f'runtime=time_of("{rule}")' in RULES[rule]


def test_every_estimate_and_every_line_of_costs_is_that_of_a_rule():
    settings = resolve_settings({"behaviors": ["groom"], "streams": {"joint_epochs": 1, "adapt": "recording"}})
    frozen = resolve_settings({"behaviors": ["groom"], "preset": "frozen"})
    public = resolve_settings({"behaviors": ["groom"], "streams": {"weights": "IMAGENET1K_V1"}})
    priced = {rule for each in (settings, frozen, public) for rule, _ in jobs_of(plan(10, 1, 30, 1, each))}
    assert set(WORK) == set(RULES) - UNESTIMATED
    assert priced == set(RULES) - ASIDE


@pytest.mark.parametrize("rule", sorted(RULES))
def test_every_rule_has_words_for_what_it_makes(rule):
    for pattern in outputs(RULES[rule]):
        path = re.sub(r"\{stream\}", "spatial", pattern).replace("{trained}", "flow/main")
        path = re.sub(r"\{\w+\}", "a", path.replace("{extension}", ".csv"))
        assert name_of(path)[0] != path, f"provenance/explain.py has no words for {path}"


@pytest.mark.parametrize("rule", sorted(rule for rule in RULES if "{video}" in "".join(outputs(RULES[rule]))))
def test_what_works_on_one_video_can_be_done_for_a_pack(rule):
    """It has what packs.smk makes a rule of: a script, and a message that names the video and nothing else."""
    text = RULES[rule]
    assert re.search(r'^ +script:\n +"\.\./scripts/\w+\.py"$', text, re.MULTILINE)
    message = re.search(r'^ +message:\n +"(.*)"$', text, re.MULTILINE)[1]
    assert re.findall(r"\{.*?\}", message) == ["{wildcards.video}"]


def test_the_table_of_stages_has_the_rules_and_how_often_each_runs():
    of_stages = {rule for stage in STAGES.values() for rule in stage.rules}
    assert of_stages == set(RULES) - ASIDE
    for stage in STAGES.values():
        for rule, each in stage.rules.items():
            assert ("{video}" in "".join(outputs(RULES[rule]))) == (each in (VIDEO, LABELLED)), rule
