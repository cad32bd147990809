import os

import pytest

from features.contract.errors import ServiceError
from features.parallel.executor import process_pool


@pytest.mark.parametrize("workers", [1, 2])
def test_work_comes_back_from_wherever_it_was_done(workers):
    with process_pool(workers) as pool:
        assert pool.submit(divmod, 17, 5).result() == (3, 2)
        assert (pool.submit(os.getpid).result() == os.getpid()) == (workers == 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_arrives_as_it_is(workers):
    with pytest.raises(ZeroDivisionError), process_pool(workers) as pool:
        pool.submit(divmod, 1, 0).result()


def test_a_process_that_was_killed_is_said():
    with (
        pytest.raises(ServiceError, match=r"ended unexpectedly.*--workers 1"),
        process_pool(2) as pool,
    ):
        pool.submit(os._exit, 9).result()
