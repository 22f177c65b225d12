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


def played(folder, commands):
    """A folder for the PATH in which commands are played by scripts."""
    folder.mkdir()
    for name, content in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{content}\n")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def leave(folder, status):
    """What a fit leaves behind; nothing where it has no status."""
    folder.mkdir(parents=True)
    if status:
        (folder / "run.json").write_text(json.dumps({"format": 1, "status": status}, indent=2))


@pytest.mark.parametrize(
    "before, after, code, again",
    [
        (None, "finished", 0, False),
        ("stopped", "finished", 0, False),
        ("running", "stopped", 0, True),  # a machine is taken away, and all were stopped
        (None, "running", 1, True),  # one was lost
        (None, None, 2, False),  # a mistake, before anything had begun
        ("running", "failed", 1, False),
    ],
)
def test_the_script_tells_each_task_who_the_others_are_and_goes_on_only_where_it_can(
    before, after, code, again, tmp_path
):
    said, folder = tmp_path / "said", tmp_path / "runs" / "photos-gan"
    leave(folder, before)
    path = played(
        tmp_path / "tools",
        {
            "scontrol": 'if [ "$1" = show ]; then printf "one\\ntwo\\n"; else echo "$@" >>"$SAID"; fi',
            "srun": 'shift; for place in 0 1; do SLURM_PROCID=$place "$@"; done; exit $CODE',
            "tfgen": 'echo "$TF_CONFIG $*" >>"$SAID"; [ -z "$AFTER" ] || echo \'  "status": \'"\\"$AFTER\\"," >$RECORD',
        },
    )
    environment = {
        **os.environ, "PATH": path, "SAID": str(said), "SLURM_JOB_NODELIST": "one,two", "SLURM_JOB_ID": "7",
        "TFGEN_RUNS": str(tmp_path / "runs"), "CODE": str(code), "AFTER": after or "",
        "RECORD": str(folder / "run.json"),
    }  # fmt: skip
    arguments = ["bash", CLUSTERS / "slurm.sh", "gan", "my photos", "photos-gan"]
    assert subprocess.run(arguments, env=environment, check=False).returncode == code
    *tasks, last = [*said.read_text().splitlines(), ""][: 3 if again else None]
    for place, line in enumerate(tasks):
        configuration, length = json.JSONDecoder().raw_decode(line)
        assert configuration == {
            "cluster": {"worker": ["one:23456", "two:23456"]}, "task": {"type": "worker", "index": place}
        }  # fmt: skip
        how = "--resume" if before else "--minutes 600"
        assert line[length:].strip() == f"fit gan my photos -o photos-gan {how} --strategy multiworker"
    assert (len(tasks), last) == (2, "requeue 7" if again else "")


@pytest.mark.parametrize(
    "status, code, ends_with",
    [("finished", 0, 0), ("stopped", 0, 138), ("running", 1, 138), ("failed", 1, 1), ("running", 2, 2), (None, 2, 2)],
)
def test_a_pod_asks_to_be_started_again_only_where_its_fit_can_go_on(status, code, ends_with, tmp_path):
    job = yaml.safe_load((CLUSTERS / "tfjob.yaml").read_text())
    replica = job["spec"]["tfReplicaSpecs"]["Worker"]
    shell, option, script = replica["template"]["spec"]["containers"][0]["command"]
    leave(tmp_path / "runs" / "photos-gan", status)
    path = played(tmp_path / "tools", {"tfgen": f"exit {code}"})
    script = script.replace("/work/", f"{tmp_path}/")
    done = subprocess.run([shell, option, script], env={**os.environ, "PATH": path}, check=False)
    assert done.returncode == ends_with and replica["restartPolicy"] == "ExitCode"
