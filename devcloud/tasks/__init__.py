"""Cloud Tasks: queues whose tasks are HTTP calls, delivered at least once."""

from devcloud.tasks.service import Tasks

__all__ = ["Tasks"]
