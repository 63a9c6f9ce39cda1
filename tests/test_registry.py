"""The records of all networks agree with the lists of them elsewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

from ethomake.flow.networks import build_flow_network
from ethomake.flow.registry import FLOW_NETWORKS
from ethomake.project.schemas import load_schema
from ethomake.project.settings import PRESETS
from ethomake.provenance.code import module_digests
from ethomake.registry import Network, by_name
from ethomake.sequence.registry import SEQUENCE_NETWORKS
from ethomake.streams.registry import STREAM_NETWORKS

ROOT = Path(__file__).parents[1]
REGISTRIES = {"flow": FLOW_NETWORKS, "streams": STREAM_NETWORKS, "sequence": SEQUENCE_NETWORKS}
SCRIPTS = {"flow": "train_flow", "streams": "train_stream", "sequence": "train_sequence"}


def test_records_are_read_without_torch():
    program = "import sys, " + ", ".join(f"ethomake.{stage}.registry" for stage in REGISTRIES)
    program += "; sys.exit('torch' in sys.modules or 'torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("stage", REGISTRIES)
def test_the_schema_has_the_networks_of_the_records(stage):
    """If this fails, set `network` of that section in config.schema.yaml to the names in the order of the records."""
    network = load_schema("config")["properties"][stage]["properties"]["network"]
    offered = network.get("enum", network["choices"])
    ours = [name for name in offered if name != "auto"]
    if "enum" not in network:  # of any name, examples follow the records
        assert len(ours) > len(REGISTRIES[stage])
        ours = ours[: len(REGISTRIES[stage])]
    assert ours == list(REGISTRIES[stage])


@pytest.mark.parametrize("stage", REGISTRIES)
def test_config_yaml_tells_of_each_network(stage):
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    section = text.split(f"\n{stage}:\n", 1)[1]
    end = next(i for i, line in enumerate(section.splitlines()) if line and not line.startswith((" ", "#")))
    words = " ".join(section.splitlines()[:end]).replace("|", " ").replace(",", " ").replace(":", " ").split()
    assert set(REGISTRIES[stage]) <= set(words)


def test_presets_name_networks_that_exist():
    for preset in PRESETS.values():
        for stage, choices in preset.items():
            assert choices["network"] in REGISTRIES[stage]


def test_each_network_has_a_name_and_a_title_of_its_own():
    records = [record for networks in REGISTRIES.values() for record in networks.values()]
    assert len({record.name for record in records}) == len({record.title for record in records}) == len(records)
    for networks in REGISTRIES.values():
        assert [record.name for record in networks.values()] == list(networks)


@pytest.mark.parametrize("stage", REGISTRIES)
def test_what_makes_a_network_counts_as_code_of_its_stage(stage):
    """Makers are named by strings, which the digest of a stage's code does not follow: an import must lead to them."""
    files = module_digests(ROOT / "workflow" / "scripts" / f"{SCRIPTS[stage]}.py")
    for record in REGISTRIES[stage].values():
        assert record.maker.split(":")[0].replace(".", "/") + ".py" in files


@pytest.mark.parametrize("name", FLOW_NETWORKS)
def test_flow_networks_have_the_millions_of_parameters_that_estimates_count(name):
    parameters = sum(parameter.numel() for parameter in build_flow_network(name).parameters())
    assert round(parameters / 1e6, 1) == FLOW_NETWORKS[name].cost.parameters


def test_estimates_alone_read_what_networks_cost():
    """Otherwise a cost would have to count as code: `NetworkCost` is excluded from digests."""
    for path in (ROOT / "ethomake").rglob("*.py"):
        if "scheduling" not in path.parts and path.name not in ("registry.py", "published.py"):
            text = path.read_text(encoding="utf-8").replace("ethomake.scheduling.costs", "")
            assert not any(word in text for word in (".cost.", ".costs", ".cost\n", ".cost,", "NetworkCost("))


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="two networks are called 'tgm'"):
        by_name([*SEQUENCE_NETWORKS.values(), Network(name="tgm", title="another", maker="math:sqrt")])


def test_a_maker_is_imported_when_it_is_needed():
    assert Network(name="root", title="Root", maker="math:sqrt").make(9) == 3
