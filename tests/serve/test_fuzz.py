"""Nothing that a client can send makes the server fail; the bench sends more of the same."""

import http.server
import threading

import pytest

from tests.serve.catalogue import save_catalogue
from tests.serve.fuzz import fuzz_rest, fuzz_rpc, fuzz_shapes
from tests.serve.running import tfgen_serve

FAILURES = {"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATA_LOSS"}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """A folder with an export of every model with every network, and their names."""
    folder = tmp_path_factory.mktemp("catalogue")
    return folder, save_catalogue(folder)


@pytest.mark.slow
def test_no_rest_request_makes_it_fail(server):
    codes = fuzz_rest(server.url, 400)
    assert codes.total() >= 300
    assert all(code < 500 or code == 501 for code in codes), codes
    assert codes[400] > 0
    assert server.predict({"instances": [0.0]}) == (200, {"predictions": [3.0]})


@pytest.mark.slow
def test_no_grpc_message_makes_it_fail(server):
    codes = fuzz_rpc(server.address, 400)
    assert codes.total() >= 300
    assert not FAILURES & codes.keys(), codes
    assert codes["OK"] > 0
    assert server.predict({"instances": [0.0]}) == (200, {"predictions": [3.0]})


@pytest.mark.slow
@pytest.mark.parametrize("batching", [[], ["--no-batching"]], ids=["batching", "no batching"])
def test_no_shape_makes_an_export_of_the_catalog_fail(catalogue, batching):
    folder, models = catalogue
    with tfgen_serve(folder, *batching) as server:
        codes = fuzz_shapes(server, models, 600)
        assert codes[400] + codes["INVALID_ARGUMENT"] > 300 and codes[200] + codes["OK"] > 30, codes


@pytest.mark.slow
def test_the_fuzz_repeats_itself_seldom():
    bodies = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.do_GET()

        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = do_TRACE = do_GET

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        fuzz_rest(f"http://127.0.0.1:{server.server_port}", 400)
        server.shutdown()
    broken = bodies[-200:]  # those after the ones that are wrong by the schema
    assert len(set(broken)) > 100
