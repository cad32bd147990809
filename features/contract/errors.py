"""Error classes whose message is one line for the user."""


class FirstloanError(Exception):
    """Base of all errors whose message is meant for the user; exit code 2 on the command line."""


class ContractError(FirstloanError, ValueError):
    """Invalid data or settings; the message gives place, expectation, value and remedy."""


class ServiceError(FirstloanError, RuntimeError):
    """Failure of a service: MLflow, remote storage, the cluster or a worker process."""
