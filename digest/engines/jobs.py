"""What was handed to a service as a batch and not yet fetched: one small record a job, in the folder of replies.

Reads and writes these records; talks to nobody and keeps no reply.
"""

import hashlib
import json
import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..atomic import NO_ROOM, put
from ..errors import ConfigError, StorageError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """Requests on their way through a batch."""

    name: str  #: hash of its keys: the same requests find the same job, here or in the service's own list
    place: str  #: the service, as messages name it
    keys: tuple[str, ...]
    created: str  #: ISO time, UTC
    id: str | None = None  #: as the service names it; None: it is not known whether it got the file
    tokens: int = 0  #: about, of its requests: what it takes of the service's queue


def name_of(keys: Iterable[str]) -> str:
    """
    The name of a job with these requests, in whatever order.

    >>> name_of(["b", "a"]) == name_of(["a", "b"])
    True
    """
    return hashlib.sha256("\n".join(sorted(keys)).encode("ascii")).hexdigest()[:32]


class Jobs:
    """The records in `folder`, which is made when the first is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> Iterator[tuple[Path, Job | None]]:
        """Yield every record, at whatever service; None for one that is damaged."""
        for path in sorted(self.folder.glob("*.json")):
            try:
                record = json.loads(path.read_bytes())
                job = Job(**record | {"keys": tuple(map(str, record["keys"]))})
            except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
                log.debug("%s: %s", path, error)
                yield path, None
            else:
                yield path, job if job.name == path.stem else None

    def of(self, place: str) -> list[Job]:
        """The jobs at one service, oldest first; a damaged record counts as none: the service's list has it too."""
        found = []
        for path, job in self.all():
            if job is None:
                log.warning("%s: a damaged record of a batch", path)
            elif job.place == place:
                found.append(job)
        return sorted(found, key=lambda job: (job.created, job.name))

    def save(self, job: Job) -> Job:
        """
        Put a job on record, whole or not at all.

        Raises:
            StorageError, ConfigError: the record can't be written; nothing may be handed in without it.
        """
        path = self.folder / f"{job.name}.json"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            put(path, json.dumps(asdict(job)).encode())
        except OSError as error:
            kind = StorageError if error.errno in NO_ROOM else ConfigError
            raise kind(f"{path}: {error.strerror}", hint="make room, or choose another folder: --cache") from error
        return job

    def has(self, job: Job) -> bool:
        """Whether a job is still on record: nobody else has fetched it."""
        return (self.folder / f"{job.name}.json").exists()

    def known(self, job: Job, identifier: str) -> Job:
        """Note what the service calls a job."""
        return self.save(replace(job, id=identifier))

    def drop(self, jobs: Collection[Job]) -> None:
        """Forget jobs whose replies are kept, or that came to nothing."""
        for job in jobs:
            (self.folder / f"{job.name}.json").unlink(missing_ok=True)
