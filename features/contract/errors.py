"""Errors that a user sees as one line; apart from the tables, so that raising one loads no engine."""


class FirstloanError(Exception):
    """Base of all errors whose message is meant for the user; exit code 2 on the command line."""


class ContractError(FirstloanError, ValueError):
    """Wrong input or a wrong setting: where it is, what was expected, what was found, the remedy."""


class ServiceError(FirstloanError, RuntimeError):
    """A service failed: MLflow, remote storage, the cluster, or a worker process."""
