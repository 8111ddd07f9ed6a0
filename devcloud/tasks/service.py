"""The CloudTasks API over gRPC."""

from __future__ import annotations

import math
from pathlib import Path

from google.cloud.tasks_v2 import types
from google.protobuf import empty_pb2

from devcloud.grants import ACT_AS, CREATE_TASK
from devcloud.grpc_service import StoredService, invalid_argument, refusal, rpc, unimplemented
from devcloud.identity import Caller, Unauthenticated
from devcloud.identity.identity import project_of
from devcloud.messages import instant, merge, page
from devcloud.tasks.dispatcher import Dispatcher
from devcloud.tasks.store import TaskStore
from devcloud.tasks.validation import check_queue, fill_defaults, prepare_task


class Tasks(StoredService):
    """Queues and HTTP tasks. An accepted task is delivered at least once, even if the process is killed."""

    service_name = "google.cloud.tasks.v2.CloudTasks"

    def _open(self, state_dir: Path) -> None:
        self._store = TaskStore(state_dir / "tasks.db")
        self._dispatcher = Dispatcher(self._store, self._identity, self._now)

    def start(self) -> None:
        """Bind, serve, and continue with the tasks of the last process."""
        super().start()
        self._dispatcher.start()

    def stop(self) -> None:
        """Stop serving and delivering; safe to call twice."""
        super().stop()
        self._dispatcher.stop()
        self._store.close()

    def wake(self) -> None:
        """Look at the clock again. When this returns, all due tasks are being sent."""
        self._dispatcher.look()

    def pending(self, due_within_seconds: float = math.inf) -> int:
        """The number of unacknowledged tasks that are due within this time."""
        return self._dispatcher.outstanding(due_within_seconds)

    def wait_idle(self, timeout_seconds: float, due_within_seconds: float = math.inf) -> bool:
        """Wait until no task is pending or under way; returns False if that takes too long."""
        return self._dispatcher.wait_idle(timeout_seconds, due_within_seconds)

    def forget(self, *queues: str, timeout_seconds: float) -> bool:
        """Drop the tasks of paused queues and free their names; False if one is under way for too long."""
        return self._dispatcher.forget(queues, timeout_seconds)

    @rpc(types.CreateQueueRequest, "cloudtasks.queues.create", on="parent")
    def CreateQueue(self, request: types.CreateQueueRequest) -> types.Queue:
        """A new queue, running."""
        queue = types.Queue(request.queue)
        if not queue.name.startswith(f"{request.parent}/queues/"):
            raise invalid_argument(f'Queue name is invalid: "{queue.name}" is not in {request.parent}.')
        return self._create(queue)

    @rpc(types.UpdateQueueRequest, "cloudtasks.queues.update", on="queue.name")
    def UpdateQueue(self, request: types.UpdateQueueRequest) -> types.Queue:
        """Change a queue, or make it if there is none with that name."""
        queue = self._store.find_queue(request.queue.name)
        if queue is None:
            return self._create(types.Queue(request.queue))
        state = queue.state
        merge(queue, request.queue, request.update_mask)
        queue.state = state  # only Pause and Resume change it
        check_queue(queue)
        fill_defaults(queue)
        return self._save(queue)

    @rpc(types.GetQueueRequest, "cloudtasks.queues.get")
    def GetQueue(self, request: types.GetQueueRequest) -> types.Queue:
        """One queue."""
        return self._store.get_queue(request.name)

    @rpc(types.ListQueuesRequest, "cloudtasks.queues.list", on="parent")
    def ListQueues(self, request: types.ListQueuesRequest) -> types.ListQueuesResponse:
        """The queues of a location."""
        if request.filter:
            raise unimplemented("the filter of ListQueues")
        queues, token = page(self._store.list_queues(f"{request.parent}/queues/"), request, default_size=9800)
        return types.ListQueuesResponse(queues=queues, next_page_token=token)

    @rpc(types.DeleteQueueRequest, "cloudtasks.queues.delete")
    def DeleteQueue(self, request: types.DeleteQueueRequest) -> empty_pb2.Empty:
        """Remove a queue and its tasks."""
        self._store.delete_queue(request.name, self._now())
        self._dispatcher.wake()
        return empty_pb2.Empty()

    @rpc(types.PurgeQueueRequest, "cloudtasks.queues.purge")
    def PurgeQueue(self, request: types.PurgeQueueRequest) -> types.Queue:
        """Remove a queue's tasks."""
        queue = self._store.get_queue(request.name)
        queue.purge_time = instant(self._now())
        self._store.purge(request.name, self._now())
        return self._save(queue)

    @rpc(types.PauseQueueRequest, "cloudtasks.queues.pause")
    def PauseQueue(self, request: types.PauseQueueRequest) -> types.Queue:
        """Keep tasks, send none."""
        return self._set_state(request.name, types.Queue.State.PAUSED)

    @rpc(types.ResumeQueueRequest, "cloudtasks.queues.resume")
    def ResumeQueue(self, request: types.ResumeQueueRequest) -> types.Queue:
        """Send again."""
        return self._set_state(request.name, types.Queue.State.RUNNING)

    @rpc(types.CreateTaskRequest)
    def CreateTask(self, request: types.CreateTaskRequest, caller: Caller) -> types.Task:
        """A new task. The caller also needs the right to act as the account of the task's token."""
        self._require(caller, CREATE_TASK, request.parent)
        task, now = types.Task(request.task), self._now()
        due_at = prepare_task(request.parent, task, now)
        email = task.http_request.oidc_token.service_account_email
        if email:
            self._require(caller, ACT_AS, _account_resource(email))
        self._store.add_task(request.parent, task, due_at=due_at, now=now)
        self._dispatcher.wake()
        return _view(task, request.response_view)

    @rpc(types.GetTaskRequest, "cloudtasks.tasks.get")
    def GetTask(self, request: types.GetTaskRequest) -> types.Task:
        """One task that is not yet done."""
        return _view(self._store.get_task(request.name), request.response_view)

    @rpc(types.ListTasksRequest, "cloudtasks.tasks.list", on="parent")
    def ListTasks(self, request: types.ListTasksRequest) -> types.ListTasksResponse:
        """The tasks of a queue that are not yet done."""
        tasks, token = page(self._store.list_tasks(request.parent), request, default_size=1000)
        shown = [_view(task, request.response_view) for task in tasks]
        return types.ListTasksResponse(tasks=shown, next_page_token=token)

    @rpc(types.DeleteTaskRequest, "cloudtasks.tasks.delete")
    def DeleteTask(self, request: types.DeleteTaskRequest) -> empty_pb2.Empty:
        """Remove a task; an attempt under way is not stopped."""
        self._store.get_task(request.name)
        self._store.remove_task(request.name, self._now())
        self._dispatcher.wake()
        return empty_pb2.Empty()

    @rpc(types.RunTaskRequest, "cloudtasks.tasks.run")
    def RunTask(self, request: types.RunTaskRequest) -> types.Task:
        """Send a task at once, whatever its queue's state and limits."""
        task = self._store.get_task(request.name)
        self._dispatcher.run_now(request.name.partition("/tasks/")[0], task)
        return _view(task, request.response_view)

    def _create(self, queue: types.Queue) -> types.Queue:
        check_queue(queue)
        fill_defaults(queue)
        queue.state = types.Queue.State(types.Queue.State.RUNNING)
        self._store.create_queue(queue, self._now())
        return queue

    def _set_state(self, name: str, state: int) -> types.Queue:
        queue = self._store.get_queue(name)
        queue.state = types.Queue.State(state)
        return self._save(queue)

    def _save(self, queue: types.Queue) -> types.Queue:
        self._store.save_queue(queue)
        self._dispatcher.wake()
        return queue

    def _require(self, caller: Caller, permission: str, resource: str) -> None:
        if not self._required_grants.allows(caller, permission, resource):
            raise refusal(permission, resource)


def _account_resource(email: str) -> str:
    try:
        return f"projects/{project_of(email)}/serviceAccounts/{email}"
    except Unauthenticated as error:
        raise invalid_argument(f"{email} is not a service account.") from error


def _view(task: types.Task, view: int) -> types.Task:
    """The task as a response shows it: its body only in the FULL view."""
    shown = types.Task(task)
    shown.view = types.Task.View(view or types.Task.View.BASIC)
    if shown.view == types.Task.View.BASIC and shown.http_request.body:
        shown.http_request.body = b""
    return shown
