"""Tools of the developers: what `make` needs beside the packages it installs. Never deployed."""
