"""The rules as pure functions and values. No I/O, no clock, no new ids."""
