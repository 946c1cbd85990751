"""A day's answers from arXiv on disk, by address: what was asked and found good is not asked again that day.

Keeps bytes and nothing else: one file an answer, so that an older day goes in one step and a file that breaks takes no
other along. It does not know whether an answer is right, and no trouble with the disk reaches a run.
"""

import hashlib
import logging
import re
import shutil
import tempfile
import zlib
from datetime import date
from pathlib import Path

LARGEST = 64 * 2**20  #: bytes of one answer

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DIGEST_SIZE = 32

log = logging.getLogger(__name__)


class Answers:
    """
    The answers of one day; arXiv's change once a day, about midnight US Eastern.

    The first answer of a day removes those of the days before it, so one day's are all there ever are; of the day
    itself none is dropped. Several processes may use a folder at once.

    Args:
        folder: Made, for its owner only, when there is an answer to keep.
        day: US Eastern.
        fresh: Give none that was put there before; what is put now takes its place.

    Source: https://info.arxiv.org/help/api/user-manual.html (ask for the same no more than once a day)
    """

    def __init__(self, folder: Path, day: date, fresh: bool = False) -> None:
        self.folder, self._fresh = folder / day.isoformat(), fresh
        self._told = False

    def get(self, url: str) -> bytes | None:
        """The content that was put there on this day, or None; a damaged one counts as none."""
        if self._fresh:
            return None
        try:
            packed = self._path(url).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._tell(error)
            return None
        content = unpacked(url, packed)
        if content is None:
            log.warning("%s: damaged; it is asked again", self._path(url))
        return content

    def put(self, url: str, content: bytes) -> None:
        """Keep an answer, whole or not at all; once the disk refuses one, no more are tried."""
        if self._told or len(content) > LARGEST:
            return
        try:
            self._open()
            self._replace(self._path(url), packed(url, content))
        except OSError as error:
            self._tell(error)

    def _open(self) -> None:
        """Make the day's folder; who makes it removes the older days."""
        cache = self.folder.parent.parent  # the mode is that of the last folder made alone
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            self.folder.mkdir(mode=0o700)
        except FileExistsError:
            return
        for other in self.folder.parent.iterdir():
            if _DAY.fullmatch(other.name) and other.name < self.folder.name:
                shutil.rmtree(other, ignore_errors=True)

    def _replace(self, path: Path, content: bytes) -> None:
        """In one step, and not synced: what a power failure leaves is told from an answer when it is read."""
        with tempfile.NamedTemporaryFile(dir=self.folder, delete=False) as file:  # for its owner only
            draft = Path(file.name)
            try:
                file.write(content)
                file.close()
                draft.replace(path)
            finally:
                draft.unlink(missing_ok=True)

    def _path(self, url: str) -> Path:
        return self.folder / hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()

    def _tell(self, error: OSError) -> None:
        if not self._told:
            log.warning("%s: %s; arXiv's answers are not kept", self.folder, error.strerror or error)
        self._told = True


def packed(url: str, content: bytes) -> bytes:
    """An answer as it is kept: a digest of its address and content, then the content, compressed."""
    return _digest(url, content) + zlib.compress(content, 1)


def unpacked(url: str, kept: bytes) -> bytes | None:
    """The content of a kept answer; None where it is not whole, not of this address or larger than any answer."""
    reader = zlib.decompressobj()
    try:
        content = reader.decompress(kept[_DIGEST_SIZE:], LARGEST + 1)
    except zlib.error:
        return None
    whole = reader.eof and len(content) <= LARGEST and kept[:_DIGEST_SIZE] == _digest(url, content)
    return content if whole else None


def _digest(url: str, content: bytes) -> bytes:
    return hashlib.sha256(url.encode("utf-8", "surrogatepass") + b"\n" + content).digest()
