"""Stores queues and tasks on disk, and the names that cannot be used again yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from google.cloud.tasks_v2 import types

from devcloud.database import Database, Row
from devcloud.grpc_service import already_exists, not_found
from devcloud.messages import instant

TASK_NAME_SECONDS = 24 * 3600.0
QUEUE_NAME_SECONDS = 7 * 86_400.0
_TOO_RECENT = "The {} cannot be created because a {} with this name existed too recently."
_SCHEMA = """
CREATE TABLE IF NOT EXISTS queue (name TEXT PRIMARY KEY, message BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS task (
  name TEXT PRIMARY KEY, queue TEXT NOT NULL REFERENCES queue, message BLOB NOT NULL, due_at REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS task_by_due_at ON task (queue, due_at);
CREATE TABLE IF NOT EXISTS reserved_name (name TEXT PRIMARY KEY, until REAL NOT NULL);
"""


@dataclass(frozen=True)
class Due:
    """A task's name and when it is to be dispatched."""

    name: str
    at: float


class TaskStore:
    """Every method is one transaction."""

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._database.close()

    def create_queue(self, queue: types.Queue, now: float) -> None:
        """Store a new queue; raises ALREADY_EXISTS, also for the name of a recently deleted queue."""
        with self._database.transaction():
            if self._database.row("SELECT 1 FROM queue WHERE name = ?", queue.name):
                raise already_exists("Queue already exists")
            if self._is_reserved(queue.name, now):
                raise already_exists(_TOO_RECENT.format("queue", "queue"))
            self._database.execute("INSERT INTO queue VALUES (?, ?)", queue.name, types.Queue.serialize(queue))

    def save_queue(self, queue: types.Queue) -> None:
        """Store a queue's changed fields."""
        self._database.execute("UPDATE queue SET message = ? WHERE name = ?", types.Queue.serialize(queue), queue.name)

    def find_queue(self, name: str) -> types.Queue | None:
        """A queue, if there is one of that name."""
        row = self._database.row("SELECT message FROM queue WHERE name = ?", name)
        return None if row is None else types.Queue.deserialize(row["message"])

    def get_queue(self, name: str) -> types.Queue:
        """A queue; raises NOT_FOUND."""
        queue = self.find_queue(name)
        if queue is None:
            raise not_found("Queue does not exist.")
        return queue

    def list_queues(self, prefix: str = "") -> list[types.Queue]:
        """All queues whose names start with `prefix`."""
        rows = self._database.rows("SELECT name, message FROM queue ORDER BY name")
        return [types.Queue.deserialize(row["message"]) for row in rows if row["name"].startswith(prefix)]

    def delete_queue(self, name: str, now: float) -> None:
        """Remove a queue with its tasks; raises NOT_FOUND."""
        with self._database.transaction():
            self.get_queue(name)
            self.purge(name, now)
            self._database.execute("DELETE FROM queue WHERE name = ?", name)
            self._reserve(name, now + QUEUE_NAME_SECONDS)

    def purge(self, queue: str, now: float) -> None:
        """Remove all tasks of a queue."""
        with self._database.transaction():
            for row in self._database.rows("SELECT name FROM task WHERE queue = ?", queue):
                self.remove_task(row["name"], now)

    def forget(self, queue: str) -> None:
        """Remove all tasks of a queue, and the names of all its earlier tasks."""
        with self._database.transaction():
            self._database.execute("DELETE FROM task WHERE queue = ?", queue)
            tasks = f"{queue}/tasks/"
            self._database.execute("DELETE FROM reserved_name WHERE substr(name, 1, ?) = ?", len(tasks), tasks)

    def add_task(self, queue: str, task: types.Task, *, due_at: float, now: float) -> None:
        """Store a new task; raises NOT_FOUND if there is no queue, ALREADY_EXISTS also for a recently used name."""
        with self._database.transaction():
            self.get_queue(queue)
            if self._database.row("SELECT 1 FROM task WHERE name = ?", task.name):
                raise already_exists("Requested entity already exists")
            if self._is_reserved(task.name, now):
                raise already_exists(_TOO_RECENT.format("task", "task"))
            task.create_time = instant(now)
            task.schedule_time = instant(due_at)
            message = types.Task.serialize(task)
            self._database.execute("INSERT INTO task VALUES (?, ?, ?, ?)", task.name, queue, message, due_at)

    def find_task(self, name: str) -> types.Task | None:
        """A task, if it is still there."""
        row = self._database.row("SELECT message FROM task WHERE name = ?", name)
        return None if row is None else types.Task.deserialize(row["message"])

    def get_task(self, name: str) -> types.Task:
        """A task; raises NOT_FOUND."""
        task = self.find_task(name)
        if task is None:
            raise not_found("The task no longer exists, though a task with this name existed recently."
                            if self._name_row(name) else "Requested entity was not found.")  # fmt: skip
        return task

    def list_tasks(self, queue: str) -> list[types.Task]:
        """The tasks of a queue, by name; raises NOT_FOUND."""
        self.get_queue(queue)
        rows = self._database.rows("SELECT message FROM task WHERE queue = ? ORDER BY name", queue)
        return [types.Task.deserialize(row["message"]) for row in rows]

    def reschedule(self, task: types.Task, *, due_at: float) -> None:
        """Keep a task for a later attempt, unless it was deleted in the meantime."""
        task.schedule_time = instant(due_at)
        message = types.Task.serialize(task)
        self._database.execute("UPDATE task SET message = ?, due_at = ? WHERE name = ?", message, due_at, task.name)

    def remove_task(self, name: str, now: float) -> None:
        """Remove a task that is done, given up or deleted; its name stays taken for a while."""
        with self._database.transaction():
            if self._database.execute("DELETE FROM task WHERE name = ?", name):
                self._reserve(name, now + TASK_NAME_SECONDS)
                self._database.execute("DELETE FROM reserved_name WHERE until <= ?", now)

    def front(self, queue: str, size: int) -> list[Due]:
        """The `size` tasks of a queue that are due first."""
        rows = self._database.rows(
            "SELECT name, due_at FROM task WHERE queue = ? ORDER BY due_at, rowid LIMIT ?", queue, size
        )
        return [Due(row["name"], row["due_at"]) for row in rows]

    def count_due(self, until: float) -> int:
        """The number of tasks of all queues that are due at time `until`."""
        row = self._database.row("SELECT COUNT(*) AS tasks FROM task WHERE due_at <= ?", until)
        return int(row["tasks"]) if row else 0

    def _reserve(self, name: str, until: float) -> None:
        self._database.execute("INSERT OR REPLACE INTO reserved_name VALUES (?, ?)", name, until)

    def _is_reserved(self, name: str, now: float) -> bool:
        row = self._name_row(name)
        return row is not None and float(row["until"]) > now

    def _name_row(self, name: str) -> Row | None:
        return self._database.row("SELECT until FROM reserved_name WHERE name = ?", name)
