"""The rules of the product as pure functions and values. They do no I/O, read no clock and make no random ids."""
