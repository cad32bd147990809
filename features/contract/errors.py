"""The one error of wrong input, apart from the tables: to say it needs no engine."""


class ContractError(ValueError):
    """Input breaks the contract or a setting; the message says where, what was expected, what came.

    The command line shows it as one line and ends with exit code 2.
    """
