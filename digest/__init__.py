"""arXiv in your language, every morning: nothing missed, nothing misquoted, nothing paid twice."""

__version__ = "0.1.0"
