"""The deployment files: valid by the published definitions, safe, consistent, careful with what a person changed."""

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
from importlib import metadata, resources
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from tfgen.errors import UserError
from tfgen.export import serving
from tfgen.export.serving import resource_name, write_serving_files

AWKWARD = ["Digits.v2", "my model", "9lives", "x" * 200, "a$HOME b", "-", "émile", "~root", 'quo"te', "a'b", "#1: x"]
NEWEST_KUBERNETES, OLDEST_KUBERNETES = "1.37", "1.27"
needs_timeout = pytest.mark.skipif(not shutil.which("timeout"), reason="the probe needs timeout of GNU's coreutils")


@pytest.fixture
def output(tmp_path):
    """A folder of exports with one version of one model, and things that are none."""
    folder = tmp_path / "export"
    add_version(folder, "digits-gan", 1)
    (folder / "tflite" / "1").mkdir(parents=True)
    (folder / "digits-gan" / ".x.tmp").mkdir()
    (folder / ".lock").touch()
    return folder


def add_version(folder, name, version):
    path = folder / name / str(version)
    path.mkdir(parents=True)
    (path / "saved_model.pb").touch()


def configuration_in(folder):
    return text_format.Parse((folder / "serving" / "models.config").read_text(), ModelServerConfig())


def models_of(configuration):
    """What each model serves: its versions and its labels."""
    return {
        model.name: (list(model.model_version_policy.specific.versions), dict(model.version_labels))
        for model in configuration.model_config_list.config
    }


def compose_of(folder):
    return yaml.safe_load((folder / "serving" / "compose.yaml").read_text())


def manifests_of(folder):
    """The Kubernetes objects by kind and name."""
    paths = sorted((folder / "serving" / "kubernetes").glob("*.yaml"))
    objects = [each for path in paths for each in yaml.safe_load_all(path.read_text())]
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def kind_of(folder, kind):
    return next(each for (found, _), each in manifests_of(folder).items() if found == kind)


def all_texts(folder):
    return [path.read_text() for path in (folder / "serving").rglob("*") if path.is_file()]


@pytest.fixture(params=["digits-gan", *AWKWARD], ids=lambda name: ascii(name[:12]))
def written(request, tmp_path):
    """A folder with the files for a name, and a second model beside it."""
    folder = tmp_path / "export"
    add_version(folder, request.param, 3)
    add_version(folder, "Other.Model", 1)
    write_serving_files(folder, request.param)
    return folder


# Valid by the published definitions.


def test_models_config_is_what_the_server_reads(written):
    models = configuration_in(written).model_config_list.config
    assert [model.base_path for model in models] == [f"/models/{model.name}" for model in models]
    assert {model.name for model in models} == {path.name for path in written.iterdir()} - {"serving"}
    assert all(model.model_platform == "tensorflow" for model in models)


def test_batching_and_monitoring_are_what_the_embedded_server_reads(output):
    # TensorFlow Serving's Python package does not have these definitions; tfgen's are written after them.
    from tfgen.serve import text_protos as protos

    write_serving_files(output, "digits-gan")
    batching = protos.read_batching(output / "serving" / "batching.config")
    assert batching == protos.BatchingOptions()
    assert protos.read_metrics_path(output / "serving" / "monitoring.config") == serving.METRICS_PATH
    threads = next(flag for flag in serving.FLAGS if flag.startswith("--rest_api_num_threads="))
    assert int(threads.split("=")[1]) >= 2 * batching.max_batch_size


def test_compose_file_fits_the_published_schema(written):
    import jsonschema

    vendored = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    schema = json.loads(vendored.read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)(schema)
    compose = compose_of(written)
    assert list(validator.iter_errors(compose)) == []
    compose["services"]["serving"]["healtcheck"] = {}
    assert list(validator.iter_errors(compose))  # it does look


@pytest.mark.parametrize("version", [OLDEST_KUBERNETES, NEWEST_KUBERNETES])
@pytest.mark.parametrize("name", ["digits-gan", "9 Lives.v2"])
def test_manifests_fit_the_published_schemas(output, name, version):
    import kubernetes_validate as validate

    add_version(output, name, 2)
    write_serving_files(output, name)
    for manifest in manifests_of(output).values():
        validate.validate(manifest, version, strict=True)
    wrong = kind_of(output, "Deployment")
    wrong["spec"]["template"]["spec"]["containers"][0]["readinessprobe"] = {}
    with pytest.raises(validate.ValidationError):
        validate.validate(wrong, version, strict=True)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kustomization_builds(written):
    built = subprocess.run(["kubectl", "kustomize", written / "serving"], capture_output=True, text=True, check=True)
    objects = {each["kind"]: each for each in yaml.safe_load_all(built.stdout)}
    kinds = {"ConfigMap", "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget"}
    assert objects.keys() == kinds  # and not the claim: deleting these must not delete the models
    assert objects["ConfigMap"]["data"]["models.config"] == (written / "serving" / "models.config").read_text()
    volumes = objects["Deployment"]["spec"]["template"]["spec"]["volumes"]
    assert [each["configMap"]["name"] for each in volumes if "configMap" in each] == [
        objects["ConfigMap"]["metadata"]["name"]
    ]


# Consistent.


def test_every_file_that_a_flag_names_is_mounted(output):
    paths = {flag.split("=")[1] for flag in serving.FLAGS if flag.split("=")[1].startswith("/")}
    write_serving_files(output, "digits-gan")
    (mapped,) = yaml.safe_load((output / "serving" / "kustomization.yaml").read_text())["configMapGenerator"]
    for path in map(Path, paths):
        assert path.parent == Path("/config")
        assert (output / "serving" / path.name).is_file()
        assert path.name in mapped["files"]
    assert "probe.sh" in mapped["files"]


def test_compose_mounts_every_model_where_models_config_looks(written):
    (service,) = compose_of(written)["services"].values()
    mounts = {mount["target"].replace("$$", "$"): mount for mount in service["volumes"]}
    for model in configuration_in(written).model_config_list.config:
        source = mounts.pop(model.base_path)["source"].replace("$$", "$")
        assert (written / "serving" / source).resolve() == written / model.name
    assert [mount["source"] for mount in mounts.values()] == ["."]


def test_labels_of_the_manifests_fit_together(written):
    manifests = manifests_of(written)
    deployment, service = kind_of(written, "Deployment"), kind_of(written, "Service")
    label = deployment["metadata"]["name"]
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert selector == service["spec"]["selector"] == {"app.kubernetes.io/name": label}
    assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    loader = kind_of(written, "Pod")
    assert not selector.items() <= loader["metadata"]["labels"].items()  # no requests for the one that copies
    assert ("PersistentVolumeClaim", f"{label}-models") in manifests
    assert kind_of(written, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == label
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"] == compose_of(written)["services"]["serving"]["command"] == list(serving.FLAGS)


@pytest.mark.parametrize("name", ["digits-gan", *AWKWARD])
def test_resource_names_are_dns_labels_with_room(name):
    label = resource_name(name)
    assert label.isascii() and label.replace("-", "").isalnum() and label == label.lower()
    assert label[0].isalpha() and label[-1].isalnum()
    assert len(label) <= 40


def test_resource_names_of_unlike_names_are_unlike():
    names = ["digits-gan", "digits.gan", "Digits-gan", "digits_gan", "digits-gan-", "x" * 60, "x" * 61, "1", "model-1"]
    assert len({resource_name(name) for name in names}) == len(names)
    assert resource_name("digits-gan") == "digits-gan"


def test_image_is_of_the_tensorflow_that_writes_the_exports():
    version = serving.IMAGE.partition(":")[2].split(".")
    assert version[:2] == metadata.version("tensorflow").split(".")[:2]
    assert version[:2] == metadata.version("tensorflow-serving-api").split(".")[:2]


def test_nothing_of_this_machine_is_written(output):
    write_serving_files(output, "digits-gan")
    for text in all_texts(output):
        assert str(output.parent) not in text
        assert str(Path(__file__).parents[2]) not in text
        assert f"{Path.home()}/" not in text
        assert socket.gethostname() not in text.split()


# Safe.


def test_compose_grants_little(written):
    (service,) = compose_of(written)["services"].values()
    assert service["user"] == f"{serving.USER}:{serving.USER}"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ports"] and all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert all(mount["read_only"] is True for mount in service["volumes"])
    assert "privileged" not in service
    assert "--enable_profiler=false" in service["command"]


@pytest.mark.parametrize("kind", ["Deployment", "Pod"])
def test_pods_are_granted_little(output, kind):
    write_serving_files(output, "digits-gan")
    spec = kind_of(output, kind)["spec"]
    spec = spec["template"]["spec"] if kind == "Deployment" else spec
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] == serving.USER > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"].keys() == {"requests", "limits"}


def test_the_servers_cannot_write_to_the_models(output):
    write_serving_files(output, "digits-gan")
    spec = kind_of(output, "Deployment")["spec"]["template"]["spec"]
    mounts = {mount["name"]: mount for mount in spec["containers"][0]["volumeMounts"]}
    assert mounts["models"]["readOnly"] and mounts["config"]["readOnly"]
    assert kind_of(output, "Service")["spec"]["type"] == "ClusterIP"


# The probe.


@contextlib.contextmanager
def answering(answers):
    """A server on a port of its own that answers 200 with the states of versions, by the path that is asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            states = answers.get(self.path)
            entries = [{"version": str(n), "state": state} for n, state in enumerate(states or [], 1)]
            body = json.dumps({"model_version_status": entries} if states else {"error": "AVAILABLE? No."}, indent=1)
            self.send_response(200 if states else 404)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield server.server_port
        server.shutdown()


def probe(folder, port, *arguments):
    """Runs the probe as the deployments do; gives its exit code and what it said."""
    command = ["/bin/bash", folder / "serving" / "probe.sh", *arguments]
    environment = {**os.environ, "REST_PORT": str(port)}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    return finished.returncode, finished.stderr


@needs_timeout
@pytest.mark.parametrize(
    ("states", "now", "at_the_start"),
    [
        (["AVAILABLE"], 0, 0),
        (["START"], 1, 1),
        (["LOADING"], 1, 1),
        (["UNLOADING"], 1, 1),
        (["END"], 1, 1),
        (["END", "AVAILABLE"], 0, 0),  # an old version that is gone, or a new one that can't be loaded
        (["AVAILABLE", "LOADING"], 0, 1),  # a canary on its way makes no running server unready
    ],
)
def test_probe_goes_by_the_state_and_not_by_200(output, states, now, at_the_start):
    write_serving_files(output, "digits-gan")
    with answering({"/v1/models/digits-gan": states}) as port:
        assert probe(output, port)[0] == now
        assert probe(output, port, "startup")[0] == at_the_start


@needs_timeout
def test_probe_reads_json_without_spaces_too(output, monkeypatch):
    write_serving_files(output, "digits-gan")
    dumps = json.dumps
    monkeypatch.setattr(json, "dumps", lambda value, **_: dumps(value, separators=(",", ":")))
    with answering({"/v1/models/digits-gan": ["LOADING", "AVAILABLE"]}) as port:
        assert probe(output, port)[0] == 0
        assert probe(output, port, "startup")[0] == 1


@needs_timeout
def test_probe_fails_where_nobody_answers(output):
    write_serving_files(output, "digits-gan")
    with answering({}) as port:
        assert probe(output, port) == (1, "no model is AVAILABLE\n")
    for arguments in ((), ("startup",), ("live",)):
        code, said = probe(output, port, *arguments)
        assert code == 1 and "no answer about digits-gan" in said


@needs_timeout
@pytest.mark.parametrize("other", [["LOADING"], ["END"], None], ids=["loads", "can't be loaded", "is unknown"])
def test_a_model_that_is_not_there_yet_takes_no_healthy_server_down(written, other):
    names = [quote(name, safe="").replace("~", "%7E") for name in models_of(configuration_in(written))]
    paths = {f"/v1/models/{name}": ["AVAILABLE"] for name in names}
    assert len(paths) == 2
    with answering(paths) as port:
        assert probe(written, port, "startup") == (0, "")
    for path in paths:
        with answering({**paths, path: other}) as port:
            assert probe(written, port) == probe(written, port, "live") == (0, "")
            assert probe(written, port, "startup")[0] == (other == ["LOADING"])


@needs_timeout
def test_a_server_without_models_lives_and_is_not_ready(output):
    write_serving_files(output, "digits-gan")
    with answering({}) as port:
        assert [probe(output, port, *arguments)[0] for arguments in ((), ("startup",), ("live",))] == [1, 1, 0]


def test_probes_run_the_probe(output):
    write_serving_files(output, "digits-gan")
    (container,) = kind_of(output, "Deployment")["spec"]["template"]["spec"]["containers"]
    for name, arguments in (("startup", ["startup"]), ("readiness", []), ("liveness", ["live"])):
        assert container[f"{name}Probe"]["exec"]["command"] == ["/bin/bash", "/config/probe.sh", *arguments]
    (service,) = compose_of(output)["services"].values()
    assert service["healthcheck"]["test"] == ["CMD", "/bin/bash", "/config/probe.sh"]


# Versions and labels over time.


class Server:
    """TensorFlow Serving's rules for versions and labels, as its server_core.cc has them, labels first."""

    def __init__(self):
        self.labels, self.loaded = {}, set()

    def accepts(self, folder):
        versions, labels = models_of(configuration_in(folder))["digits-gan"]
        for label, version in labels.items():
            if version not in self.loaded and self.labels.get(label, version) != version:
                return False  # all of it, the new versions too
        self.labels, self.loaded = labels, set(versions)
        return set(labels.values()) <= self.loaded


def edit(folder, change):
    """What a person does to the only model in models.config."""
    configuration = configuration_in(folder)
    change(configuration.model_config_list.config[0])
    (folder / "serving" / "models.config").write_text("# by hand\n" + text_format.MessageToString(configuration))


def promote(model):
    model.version_labels["stable"] = model.version_labels.pop("canary")


def roll_back(model):
    """To version 1, with version 2 taken out."""
    del model.model_version_policy.specific.versions[:]
    model.model_version_policy.specific.versions.append(1)
    model.version_labels["stable"] = 1


def test_a_new_version_is_the_canary_and_is_promoted_and_rolled_back(output):
    server = Server()
    write_serving_files(output, "digits-gan")
    assert models_of(configuration_in(output)) == {"digits-gan": ([1], {"stable": 1})}
    assert server.accepts(output)
    add_version(output, "digits-gan", 2)
    write_serving_files(output, "digits-gan")
    assert models_of(configuration_in(output)) == {"digits-gan": ([1, 2], {"stable": 1, "canary": 2})}
    assert server.accepts(output)
    edit(output, promote)
    assert server.accepts(output)
    assert server.labels == {"stable": 2} and 1 in server.loaded
    add_version(output, "digits-gan", 3)
    write_serving_files(output, "digits-gan")
    assert models_of(configuration_in(output)) == {"digits-gan": ([1, 2, 3], {"stable": 2, "canary": 3})}
    assert server.accepts(output)
    edit(output, lambda model: model.version_labels.update({"stable": 1}))
    assert server.accepts(output)
    assert server.labels["stable"] == 1


def test_exports_that_nobody_promotes_are_loaded_and_move_no_label(output):
    server = Server()
    for version in (2, 3, 4):
        write_serving_files(output, "digits-gan")
        assert server.accepts(output)
        add_version(output, "digits-gan", version)
    write_serving_files(output, "digits-gan")
    assert server.accepts(output)
    assert models_of(configuration_in(output)) == {"digits-gan": ([1, 2, 3, 4], {"stable": 1, "canary": 2})}


def test_the_first_time_the_newest_is_stable_and_the_one_before_it_ready(output):
    for version in (2, 10):
        add_version(output, "digits-gan", version)
    write_serving_files(output, "digits-gan")
    assert models_of(configuration_in(output)) == {"digits-gan": ([2, 10], {"stable": 10})}


def test_an_export_undoes_no_rollback_of_another_model(output):
    add_version(output, "digits-gan", 2)
    write_serving_files(output, "digits-gan")
    edit(output, roll_back)
    add_version(output, "faces-vae", 1)
    write_serving_files(output, "faces-vae")
    assert models_of(configuration_in(output)) == {
        "digits-gan": ([1], {"stable": 1}),
        "faces-vae": ([1], {"stable": 1}),
    }


def test_a_model_that_was_taken_out_comes_back_only_by_its_own_export(output):
    add_version(output, "faces-vae", 1)
    write_serving_files(output, "digits-gan")
    assert models_of(configuration_in(output)).keys() == {"digits-gan", "faces-vae"}  # the first time, all
    without = configuration_in(output)
    del without.model_config_list.config[1]
    (output / "serving" / "models.config").write_text(text_format.MessageToString(without))
    add_version(output, "digits-gan", 2)
    write_serving_files(output, "digits-gan")
    assert models_of(configuration_in(output)).keys() == {"digits-gan"}
    add_version(output, "faces-vae", 2)
    write_serving_files(output, "faces-vae")
    assert models_of(configuration_in(output))["faces-vae"] == ([1, 2], {"stable": 2})


def test_another_policy_is_left_alone(output):
    write_serving_files(output, "digits-gan")
    edit(output, lambda model: model.model_version_policy.latest.__setattr__("num_versions", 2))
    changed = (output / "serving" / "models.config").read_text()
    add_version(output, "digits-gan", 2)
    write_serving_files(output, "digits-gan")
    assert (output / "serving" / "models.config").read_text() == changed


def test_the_embedded_server_serves_what_models_config_says(output):
    from tensorflow_serving.apis.model_pb2 import ModelSpec

    from tfgen.serve import manager as manager_module

    write_serving_files(output, "digits-gan")
    add_version(output, "digits-gan", 2)
    write_serving_files(output, "digits-gan")
    configuration = configuration_in(output)
    for model in configuration.model_config_list.config:
        model.base_path = str(output / Path(model.base_path).relative_to("/models"))
    manager = manager_module.Manager(tell=lambda text: None, load=lambda name, number, path: number)
    manager.configure(configuration, at_start=True)
    for label, version in (("stable", 1), ("canary", 2)):
        assert manager.acquire(ModelSpec(name="digits-gan", version_label=label)).servable == version


# What a person changed.


def test_a_second_time_changes_nothing(output, capsys):
    write_serving_files(output, "digits-gan")
    before = {path: path.read_bytes() for path in (output / "serving").rglob("*") if path.is_file()}
    write_serving_files(output, "digits-gan")
    assert {path: path.read_bytes() for path in (output / "serving").rglob("*") if path.is_file()} == before
    assert capsys.readouterr().err == ""


def test_a_changed_file_is_kept_and_what_is_new_lies_beside_it(output, capsys, monkeypatch):
    write_serving_files(output, "digits-gan")
    path = output / "serving" / "kubernetes" / "hpa.yaml"
    path.write_text("# mine\n")
    compose = output / "serving" / "compose.yaml"
    compose.write_text("# mine\n")
    monkeypatch.setattr(serving, "IMAGE", "tensorflow/serving:9.9.9")
    write_serving_files(output, "digits-gan")
    assert path.read_text() == compose.read_text() == "# mine\n"
    assert "9.9.9" in (output / "serving" / "compose.yaml.new").read_text()
    assert not path.with_name("hpa.yaml.new").exists()  # tfgen has nothing new to say about it
    assert "9.9.9" in (output / "serving" / "kubernetes" / "deployment.yaml").read_text()
    assert "compose.yaml' was changed and is kept" in capsys.readouterr().err
    compose.unlink()
    write_serving_files(output, "digits-gan")
    assert "9.9.9" in compose.read_text()
    assert not (output / "serving" / "compose.yaml.new").exists()


def test_a_changed_models_config_is_carried_on_and_copied(output, capsys):
    write_serving_files(output, "digits-gan")
    edit(output, lambda model: model.version_labels.update({"shop": 1}))
    mine = (output / "serving" / "models.config").read_text()
    write_serving_files(output, "digits-gan")
    assert (output / "serving" / "models.config").read_text() == mine
    add_version(output, "digits-gan", 2)
    write_serving_files(output, "digits-gan")
    assert models_of(configuration_in(output))["digits-gan"] == ([1, 2], {"stable": 1, "shop": 1, "canary": 2})
    assert (output / "serving" / "models.config.old").read_text() == mine
    assert "models.config.old" in capsys.readouterr().err


def test_a_broken_models_config_is_kept(output, capsys):
    write_serving_files(output, "digits-gan")
    path = output / "serving" / "models.config"
    path.write_text("model_config_list { oops")
    write_serving_files(output, "digits-gan")
    assert path.read_text() == "model_config_list { oops"
    add_version(output, "digits-gan", 2)
    write_serving_files(output, "digits-gan")
    assert text_format.Parse(path.with_name("models.config.new").read_text(), ModelServerConfig())
    assert "can't be read" in capsys.readouterr().err


def test_another_model_joins_the_deployment_without_renaming_it(output):
    write_serving_files(output, "digits-gan")
    add_version(output, "faces-vae", 1)
    write_serving_files(output, "faces-vae")
    assert models_of(configuration_in(output)).keys() == {"digits-gan", "faces-vae"}
    assert compose_of(output)["name"] == "digits-gan"
    assert "for model in digits-gan faces-vae;" in (output / "serving" / "probe.sh").read_text()


def test_the_sample_becomes_a_request(output):
    extra = output / "digits-gan" / "1" / "assets.extra"
    extra.mkdir()
    sample = {"signature": "generate", "instances": [{"seed": 7, "prompt": "seven"}], "png": "..."}
    (extra / "tfgen.json").write_text(json.dumps({"sample": sample}))
    paths = write_serving_files(output, "digits-gan")
    (path,) = [path for path in paths if path.parent.name == "requests"]
    assert path.name == "digits-gan.json"
    assert json.loads(path.read_text()) == {"signature_name": "generate", "instances": sample["instances"]}


def test_every_file_is_named(output):
    paths = write_serving_files(output, "digits-gan")
    found = {path for path in (output / "serving").rglob("*") if path.is_file() and not path.name.startswith(".")}
    assert set(paths) == found


def test_without_a_saved_model_there_is_nothing_to_deploy(tmp_path):
    with pytest.raises(UserError, match="--saved-model"):
        write_serving_files(tmp_path, "digits-gan")
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "work"])


@pytest.mark.slow
def test_export_writes_them_for_what_it_published(gan_run, command, tmp_path):
    folder = tmp_path / "models"
    done = command("export", gan_run.path, "--serving", "-o", folder)
    assert done.exit_code == 0, done.stderr
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {gan_run.name, "serving"}
    assert models_of(configuration_in(folder)) == {gan_run.name: ([1], {"stable": 1})}
    request = json.loads((folder / "serving" / "requests" / f"{gan_run.name}.json").read_text())
    card = json.loads((folder / gan_run.name / "1" / "assets.extra" / "tfgen.json").read_text())
    assert request["instances"] == card["sample"]["instances"]
    assert f"Deployment files: {folder / 'serving'}" in done.stderr
