"""What one process keeps for its requests: time, logs, and answers kept for seconds."""
