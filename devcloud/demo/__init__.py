"""The demo: the platform's main job on a local Google Cloud, shown step by step."""
