"""The error for mistakes that a user of the command line can correct."""


class UserError(Exception):
    """The message says what is wrong and, if possible, how to correct it."""
