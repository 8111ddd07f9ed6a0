"""Pipeline templates: what their files may say."""
