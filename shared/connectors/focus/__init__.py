"""Reads FOCUS files: the exports of AWS and Azure, and files of anybody."""
