"""Each clinical family: upstream's whole network, and ours cut from the same file."""

import pytest

from support.networks import upstream_model

IDS = {"densenet": "densenet121", "resnet": "resnet50", "jfhealthcare": "jfhealthcare"}


@pytest.fixture(scope="module", params=list(IDS))
def family(request):
    return request.param


@pytest.fixture(scope="module")
def upstream(family, weights_dir):
    return upstream_model(family, weights_dir)


@pytest.fixture(scope="module")
def classifier(family, loaded):
    return loaded[IDS[family]]
