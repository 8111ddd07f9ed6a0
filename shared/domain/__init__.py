"""Pure rules: models, schedules, dispatch, quotas, templates. No I/O, no clock, no ids."""
