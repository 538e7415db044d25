"""The one kind of error that bad input raises; the command line turns it into exit code 2."""


class InputError(ValueError):
    """Bad input: the message says where, the rule and the value."""
