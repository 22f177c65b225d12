"""The manifest and the script in the docs: against the operator's own definitions, and with Slurm's commands played."""

import json
import os
import subprocess

import pytest
import yaml

from tests.conftest import ROOT

CLUSTERS = ROOT / "docs" / "clusters"


def unknown_fields(value, kind, models, place=""):
    """The fields of a manifest that a class of the operator's client, or a list or dict of such, doesn't have."""
    if kind.startswith("list["):
        return [each for part in value for each in unknown_fields(part, kind[5:-1], models, place)]
    if kind.startswith("dict(") or kind.startswith("dict["):
        inner = kind[5:-1].split(",")[1].strip()
        return [each for name, part in value.items() for each in unknown_fields(part, inner, models, f"{place}.{name}")]
    made_by = getattr(models, kind, None)
    if made_by is None or not hasattr(made_by, "openapi_types"):
        return []
    fields = {made_by.attribute_map[name]: of for name, of in made_by.openapi_types.items()}
    found = [f"{place}.{name}" for name in value if name not in fields]
    for name in set(value) & set(fields):
        found += unknown_fields(value[name], fields[name], models, f"{place}.{name}")
    return found


def test_the_manifest_has_only_fields_that_the_operator_and_kubernetes_know():
    models = pytest.importorskip("kubeflow.training.models", reason="pip install kubeflow-training")
    import kubernetes_validate

    job = yaml.safe_load((CLUSTERS / "tfjob.yaml").read_text())
    assert unknown_fields(job, "KubeflowOrgV1TFJob", models) == []
    assert unknown_fields({**job, "speck": 1}, "KubeflowOrgV1TFJob", models) == [".speck"]  # else nothing was looked at
    for kind, replica in job["spec"]["tfReplicaSpecs"].items():
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": kind.lower()}, **replica["template"]}
        kubernetes_validate.validate(pod, "1.30", strict=True)


@pytest.mark.parametrize("begun", [False, True])
def test_the_script_tells_each_task_who_the_others_are_and_goes_on_with_what_was_begun(begun, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    played = {
        "scontrol": 'if [ "$1" = show ]; then printf "one\\ntwo\\n"; else echo "$@" >>"$SAID"; fi',
        "srun": 'shift; for place in 0 1; do SLURM_PROCID=$place "$@"; done; exit 1',
        "tfgen": 'echo "$TF_CONFIG $*" >>"$SAID"',
    }
    for name, content in played.items():
        (tools / name).write_text(f"#!/bin/sh\n{content}\n")
        (tools / name).chmod(0o755)
    if begun:
        (tmp_path / "runs" / "photos-gan").mkdir(parents=True)
        (tmp_path / "runs" / "photos-gan" / "run.json").write_text("{}")
    said = tmp_path / "said"
    environment = {
        **os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "SAID": str(said), "SLURM_JOB_NODELIST": "one,two",
        "SLURM_JOB_ID": "7", "TFGEN_RUNS": str(tmp_path / "runs"),
    }  # fmt: skip
    subprocess.run(["bash", CLUSTERS / "slurm.sh", "gan", "my photos", "photos-gan"], env=environment, check=True)
    *tasks, requeued = said.read_text().splitlines()
    how = "--resume" if begun else "--minutes 600"
    for place, line in enumerate(tasks):
        configuration, length = json.JSONDecoder().raw_decode(line)
        assert configuration == {
            "cluster": {"worker": ["one:23456", "two:23456"]}, "task": {"type": "worker", "index": place}
        }  # fmt: skip
        assert line[length:].strip() == f"fit gan my photos -o photos-gan {how} --strategy multiworker"
    assert (len(tasks), requeued) == (2, "requeue 7")
