"""Times, sizes and large numbers in words, as exactly as one cares to know them.

Pure; knows no unit but seconds and bytes.
"""

from math import floor, log10


def rounded(number: float) -> str:
    """
    Three digits that count.

    >>> rounded(104_512), rounded(92_345_678), rounded(712), rounded(0)
    ('105,000', '92,300,000', '712', '0')
    """
    return f"{round(number, 2 - floor(log10(number))) if number >= 1000 else round(number):,}"


def duration(seconds: float) -> str:
    """
    A time in words.

    >>> duration(40), duration(150), duration(5400), duration(200_000)
    ('40 s', '2 min', '1.5 h', '2.3 days')
    """
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def size(number: float) -> str:
    """
    Bytes in words.

    >>> size(900), size(27_006_787), size(12_400_000_000)
    ('1 kB', '27 MB', '12.4 GB')
    """
    if number < 999_500:
        return f"{max(1, round(number / 1e3)) if number else 0} kB"
    return f"{number / 1e6:.0f} MB" if number < 999.5e6 else f"{number / 1e9:.1f} GB"
