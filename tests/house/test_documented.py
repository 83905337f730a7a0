"""Every metric, fact, event, setting, permission, command and endpoint is documented: the reference explains each."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from topline.api import words

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_metric_says_what_it_is(reference):
    for metric in reference.metrics().values():
        assert len(metric.description) > 15, metric.id
        assert metric.formula, metric.id
        assert f"## {metric.id}\n" in reference.metrics_page()


def test_every_analysis_says_what_it_answers_and_how(reference):
    for analysis in reference.analyses().values():
        assert len(analysis.description) > 20, analysis.id
        assert len(analysis.method) > 80, analysis.id
        assert all(choice.label and (choice.options or choice.example) for choice in analysis.choices), analysis.id
        assert f"## {analysis.id}\n" in reference.analyses_page()


def test_every_setting_says_what_it_means(reference):
    assert all(setting.meaning.endswith(".") for setting in reference.SETTINGS.values())


def test_every_setting_that_the_code_reads_is_in_the_table(reference):
    read = {
        name
        for path in (ROOT / "src").rglob("*.py")
        for name in re.findall(r'"(TOPLINE_[A-Z_]*[A-Z])"', path.read_text())
    }
    assert len(read) > 10
    assert read <= set(reference.SETTINGS)


def test_every_command_and_option_has_help(reference):
    page = reference.commands_page()
    assert "## topline calendar\n" in page
    for line in page.splitlines():
        if line.startswith("| `"):
            assert line.split("|")[2].strip(), f"no help: {line}"
    heads = [part.split("\n", 2) for part in page.split("## ")[1:]]
    assert all(len(head) == 3 and head[2].strip() for head in heads), [head[0] for head in heads if len(head) < 3]


def test_the_commands_say_their_exit_codes_and_what_an_option_takes(reference):
    page = reference.commands_page()
    assert "| 4 | input that must be mended |" in page
    importing = page.partition("## topline import files\n")[2].partition("\n## ")[0]
    assert (
        "| `--dates` | How 01/02/2026 is meant where nothing in the files shows it. | `day-first`, `month-first` |"
        in importing
    )
    assert "| `--shop` | The shop that the files belong to. | must be given |" in importing


def test_the_endpoints_say_what_they_take(reference):
    page = reference.endpoints_page()
    assert all(
        line.split("|")[3].strip() for line in page.splitlines() if line.startswith("| `") and "| body |" not in line
    )
    bringing = page.partition("## POST /api/v1/shops/{shop}/imports\n")[2].partition("\n## ")[0]
    assert "| `dates` | body | How 01/02/2026 is meant where no file shows it |" in bringing


def test_every_endpoint_has_a_summary_and_needs_a_permission(reference):
    for path, methods in reference.api.get_openapi_schema()["paths"].items():
        for method, operation in methods.items():
            assert operation.get("summary"), f"{method} {path}"
            assert operation.get("security"), f"{method} {path}"


def test_no_two_bodies_share_a_name():
    """OpenAPI knows bodies by the name of their class: the last of two would describe both."""
    folder = ROOT / "src" / "topline" / "api"
    names = [
        name for each in folder.glob("*.py") for name in re.findall(r"^class (\w+)\(", each.read_text("utf-8"), re.M)
    ]
    assert len(names) > 100
    assert sorted(names) == sorted(set(names))


def test_every_parameter_and_every_field_that_is_sent_is_described(reference):
    found = reference.api.get_openapi_schema()
    schemas, bare, seen = found["components"]["schemas"], [], set()

    def look(body):
        for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(body)):
            if name in seen:
                continue
            seen.add(name)
            for field, described in schemas[name].get("properties", {}).items():
                refers = "$ref" in described or any("$ref" in each for each in described.get("allOf", ()))
                if not refers and not described.get("description"):
                    bare.append(f"{name}.{field}")
            look(schemas[name])

    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            bare += [f"{method} {path} {one['name']}" for one in operation["parameters"] if not one.get("description")]
            look(operation.get("requestBody", {}))
    assert not bare, bare
    assert len(seen) > 40
    operations = [each for methods in found["paths"].values() for each in methods.values()]
    known = {one["name"] for each in operations for one in each["parameters"]}
    assert set(words.PARAMETERS) <= known
    fields = {f"{name}.{field}" for name in seen for field in schemas[name].get("properties", {})}
    assert {each for each in words.FIELDS if "." in each} <= fields


def test_every_event_has_a_source_and_a_day_of_verification(reference):
    assert all(event.source and event.verified_on for event in reference.EVENTS)


def test_links_in_the_documents_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        if "reference" in page.parts:
            continue
        for link in page.read_text("utf-8").split("](")[1:]:
            target = link.split(")")[0].split("#")[0]
            if target and "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
