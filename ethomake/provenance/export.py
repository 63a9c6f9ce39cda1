"""All records of a project as one W3C PROV document, in PROV-JSON, for archives and other programs.

Files are entities, jobs are activities, ethomake is the agent. https://www.w3.org/TR/prov-overview/
"""

import json
import logging
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from prov.model import PROV_TYPE, ProvActivity, ProvDocument, ProvEntity

from ethomake.errors import InputError
from ethomake.files import write_text
from ethomake.provenance.record import RECORDS, read_records

logger = logging.getLogger(__name__)

NAMESPACES = {name: f"urn:ethomake:{name}:" for name in ("file", "job", "software", "term")}


def export_records(output: str | Path, records: Path = RECORDS) -> None:
    """Write all records as one document; the same records give the same bytes.

    Raises:
        InputError: if there is no record yet, or one is damaged.
    """
    found = read_records(records)
    if not found:
        raise InputError(f"{records}: there are no records yet; run the workflow first: ./run snakemake")
    document = describe({path.relative_to(records).with_suffix("").as_posix(): each for path, each in found.items()})
    content = json.loads(cast("str", document.serialize(format="json")))
    write_text(output, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    logger.info(f"{output}: {len(found)} jobs, W3C PROV-JSON")


def describe(records: dict[str, dict[str, Any]]) -> ProvDocument:
    """The document of records, given by the names of their jobs.

    An entity is a file with its content: where a file was changed between two jobs, the document has it twice, and a
    chain from a result to its sources never joins what does not belong together.
    """
    document = ProvDocument()
    for prefix, uri in NAMESPACES.items():
        document.add_namespace(prefix, uri)
    entities: dict[tuple[str, str], ProvEntity] = {}

    def entity(path: str, digest: str) -> ProvEntity:
        if (path, digest) not in entities:
            name = f"file:{quote(path)}@{digest.rpartition(':')[2][:16]}"
            entities[path, digest] = document.entity(name, {"prov:label": path, "term:digest": digest})
        return entities[path, digest]

    for name, record in records.items():
        activity = document.activity(f"job:{quote(name)}", other_attributes=_attributes(record))
        _associate(document, activity, record)
        sources = [entity(*item) for item in record["inputs"].items()]
        for source in sources:
            document.used(activity, source)
        for item in record["outputs"].items():
            result = entity(*item)
            document.wasGeneratedBy(result, activity)
            for source in sources:
                document.wasDerivedFrom(result, source, activity)
    return document


def _attributes(record: dict[str, Any]) -> dict[str, Any]:
    """What is known of a job; what is no plain value stands as JSON."""
    attributes = {"prov:label": record["did"], "term:rule": record["rule"], "term:code": record["code"]["digest"]}
    for key in ("parameters", "versions", "wildcards"):
        attributes[f"term:{key}"] = json.dumps(record[key], sort_keys=True, ensure_ascii=False)
    attributes["term:modules"] = json.dumps(record["code"]["modules"], sort_keys=True)
    for key in ("seed", "device"):
        if record.get(key) is not None:
            attributes[f"term:{key}"] = record[key]
    return attributes


def _associate(document: ProvDocument, activity: ProvActivity, record: dict[str, Any]) -> None:
    """Name the ethomake that did a job: its version, and the commit where it is known."""
    version, checkout = record["versions"]["ethomake"], record["checkout"]
    name = f"software:ethomake-{version}"
    attributes = {"prov:label": f"ethomake {version}", "term:version": version}
    if checkout:
        name += f"-{checkout['commit'][:12]}" + ("-changed" if checkout["changed"] else "")
        attributes |= {"term:commit": checkout["commit"], "term:changed": checkout["changed"]}
    if not document.get_record(name):
        document.agent(name, {PROV_TYPE: document.valid_qualified_name("prov:SoftwareAgent"), **attributes})
    document.wasAssociatedWith(activity, name)
