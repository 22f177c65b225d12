"""Nothing that a client can send makes the server fail; the bench sends more of the same."""

import pytest

from tests.serve.catalogue import save_catalogue
from tests.serve.fuzz import fuzz_rest, fuzz_rpc, fuzz_shapes
from tests.serve.running import tfgen_serve

FAILURES = {"INTERNAL", "UNKNOWN", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATA_LOSS"}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """A folder with an export of every model and every network, and their names."""
    folder = tmp_path_factory.mktemp("catalogue")
    return folder, save_catalogue(folder)


@pytest.mark.slow
def test_no_rest_request_makes_it_fail(server):
    codes = fuzz_rest(server.url, 100)  # it takes longer to think of a request than to answer it
    assert codes.total() >= 75
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
@pytest.mark.parametrize("batching, count", [([], 400), (["--no-batching"], 200)], ids=["batching", "no batching"])
def test_no_shape_makes_an_export_of_the_catalog_fail(catalogue, batching, count):
    folder, models = catalogue
    with tfgen_serve(folder, *batching) as server:
        codes = fuzz_shapes(server, models, count)
        assert codes[400] + codes["INVALID_ARGUMENT"] > count / 2 and codes[200] + codes["OK"] > count / 20, codes
