"""Cloud Scheduler: jobs that call a URL when their cron schedule says so."""

from devcloud.scheduler.service import Scheduler

__all__ = ["Scheduler"]
