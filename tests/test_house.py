import pytest
from house import CHECKS, ROOT


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_house(check):
    if broken := list(check(ROOT)):
        pytest.fail("\n".join(broken), pytrace=False)
