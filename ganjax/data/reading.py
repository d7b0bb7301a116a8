"""A source read for a run, with progress; what a person should know of it is told."""

from pathlib import Path

from ganjax.config import Reading
from ganjax.data import loader, opened, sources
from ganjax.data.dataset import Source, Unread
from ganjax.data.duplicates import check_leakage
from ganjax.data.quarantine import summary
from ganjax.progress import Progress

MANY = 20_000
"""Images among which the search for duplicates takes seconds, and tells how far it is."""


def read(
    source: str | Source,
    data_dir: str | Path | None,
    reading: Reading,
    cache: bool,
    progress: Progress,
    *,
    unlabelled: bool = False,
) -> Source:
    """Read a source for a run, and say what a person should know of it.

    Args: as of `ganjax.data.sources.load`, or with images in memory as the source; and
      progress: where to tell how far it is, and what was done to the images;
      unlabelled: also of a source in memory, whose unlabelled images are else left out.

    Returns:
      The images, padded to the networks' size.

    Raises:
      UserError: it cannot be used, or images to test on are among those to train on.
    """
    if isinstance(source, Source):
        given = source if unlabelled else source._replace(unlabelled=None)
        found = opened.fitted(sources.checked(given), reading)
    else:
        with progress.stage("read the images", 0, "images") as tick:
            found = sources.load(
                source,
                data_dir=data_dir,
                reading=reading,
                cache=cache,
                unlabelled=unlabelled,
                tell=lambda done, total: tick(done),
                say=progress.say,
            )
    tell(found, progress)
    many = sum(map(len, found.splits().values())) > MANY
    for line in check_leakage(found, reading, progress=progress if many else None):
        progress.say(line)
    return loader.at_network_size(found)


def tell(found: Source | Unread, progress: Progress) -> None:
    """Say what was done to the images of a source, and what was left out."""
    for line in (*found.notes, *([summary(found.bad)] if found.bad else [])):
        progress.say(line)
