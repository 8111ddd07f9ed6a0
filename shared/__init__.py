"""What every function shares: authentication, quotas, storage and the execution of pipelines."""
