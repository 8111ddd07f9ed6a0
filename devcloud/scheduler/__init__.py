"""Cloud Scheduler: jobs that call a URL by their cron schedule."""

from devcloud.scheduler.service import Scheduler

__all__ = ["Scheduler"]
