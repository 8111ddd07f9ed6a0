"""The dispatcher's decision: settle, cancel, admit."""
