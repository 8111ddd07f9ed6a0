"""The demo: the platform's main job on a local Google Cloud, told as it happens."""
