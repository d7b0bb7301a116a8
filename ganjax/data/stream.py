"""Sets too large for the device: what the steps of a training draw, read ahead of them.

Which rows a step draws follows from the training's key and the step's number alone, by the very
function that draws from a set on the device (`ganjax.data.loader`). So a training may stream or
not, begin at any step and be read by any number of threads and processes: it is the same training.
"""

import signal
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.data.dataset import Dataset, Unread
from ganjax.data.loader import Drawn, keys_of_step, rows_of_batch
from ganjax.environment import cores
from ganjax.errors import UserError, quoted
from ganjax.typing import Array, Key

MOST_THREADS = 8

BLOCK = 64
"""Steps whose rows are drawn together: to draw those of one takes as long."""


@dataclass(frozen=True)
class ArrayFile:
    """Images in an uncompressed .npy file, of which only the rows asked for are read.

    Attributes:
      path: the file. It is opened for each reading, so this travels to other processes.
      shape: `[n, height, width, channels]`.
      offset: bytes before the first image.
    """

    path: Path
    shape: tuple[int, ...]
    offset: int

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Read images: uint8 `[rows, height, width, channels]`, in the order of the rows.

        They are read into memory of their own: pages of a mapped file would count as this process's
        memory, and grow to the whole file.

        Raises:
          OSError: the file is gone.
          UserError: it has been cut short.
        """
        images = np.empty((len(rows), *self.shape[1:]), np.uint8)
        size = images[:1].nbytes
        with open(self.path, "rb", buffering=0) as file:
            for i in np.argsort(rows, kind="stable"):  # as they lie in the file
                file.seek(self.offset + int(rows[i]) * size)
                if file.readinto(images[i]) != size:
                    raise UserError(
                        f"{quoted(self.path)} ends before its image {rows[i]}: delete it and run "
                        "the same command again"
                    )
        return images


def open_array(path: Path) -> ArrayFile:
    """Open a .npy file of uint8 `[n, height, width, channels]`, without reading its images.

    Raises:
      UserError: it is no such file.
    """
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)  # which checks its length too
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{quoted(path)} cannot be read: {quoted(error)}") from None
    if found.dtype != np.uint8 or found.ndim != 4 or not found.flags.c_contiguous:
        raise UserError(
            f"{quoted(path)} holds {found.dtype} {list(found.shape)}; uint8 [n, height, width, "
            "channels] is needed"
        )
    return ArrayFile(Path(path), found.shape, found.offset)


class Stream:
    """What the steps of a training draw from images that stay where they are.

    Args:
      images: the training images, anywhere.
      order: as of `loader.shuffled_order`, int64 `[n]`: row i of the training is image `order[i]`.
      batch_size: images in a whole batch.
      parts: into which a batch is cut, one for each device.
      own: those of the parts that this process reads.
      ahead: steps that are read before they are asked for; memory holds about as many.
      workers: processes that read; 0 for threads, which is faster unless images are decoded.
    """

    def __init__(
        self,
        images: Dataset | Unread,
        order: np.ndarray,
        batch_size: int,
        *,
        parts: int = 1,
        own: tuple[int, ...] = (0,),
        ahead: int = BLOCK,
        workers: int = 0,
    ):
        self.images, self.order, self.batch_size = images, order, batch_size
        self.parts, self.own, self.ahead = parts, own, ahead
        # Images in memory would be copied into each worker
        self.workers = workers if isinstance(images, Unread) else 0

    def steps(self, key: Key, first: int, last: int) -> "Steps":
        """Begin to read what steps draw.

        Args:
          key: of the training.
          first: the first step.
          last: the one after the last.

        Returns:
          An iterator over what each step draws, `Drawn` without the axis of steps, uint8 `[own
          parts, batch / parts, height, width, channels]` and int32 `[own parts, batch / parts]` in
          this process's memory; to be closed.

        Raises:
          UserError: on the way, an image that cannot be read.
        """
        reader = _Reader(
            self.images,
            self.order,
            self.batch_size,
            self.parts,
            self.own,
            tuple(np.asarray(jax.random.key_data(key)).tolist()),
            str(jax.random.key_impl(key)),
        )
        try:
            import grain  # noqa: F401
        except ImportError:
            if self.workers:
                raise UserError(
                    f"--workers {self.workers} needs Grain: pip install grain, or give --workers 0"
                ) from None
            return _by_threads(reader, first, last, self.ahead)
        return _by_grain(reader, first, last, self.ahead, self.workers)


Steps = Any
"""An iterator over `Drawn` that can be closed: a generator, or Grain's."""


@dataclass(frozen=True)
class _Reader:
    """Reads what one step draws; it may travel to another process."""

    images: Dataset | Unread
    order: np.ndarray
    batch_size: int
    parts: int
    own: tuple[int, ...]
    key_data: tuple[int, ...]
    key_impl: str

    def __call__(self, step: int) -> Drawn:
        block, within = divmod(int(step), BLOCK)
        drawn = _rows(self.key_data, self.key_impl, block, len(self.order), self.batch_size)
        rows = self.order[drawn[within].reshape(self.parts, -1)[list(self.own)]]
        try:
            found = self.images.take(rows.ravel())
        except OSError as error:
            raise UserError(
                f"{quoted(self.images.name)}: {quoted(error)}. Put it right and run the same "
                "command again: it goes on from the last checkpoint"
            ) from error
        return Drawn(
            found.images.reshape(*rows.shape, *found.images.shape[1:]),
            found.labels.reshape(rows.shape),
        )


def _by_grain(reader: _Reader, first: int, last: int, ahead: int, workers: int) -> Steps:
    import grain
    from absl import flags

    threads = min(MOST_THREADS, cores(), ahead)
    steps = grain.MapDataset.range(first, last).map(reader)
    if not workers:
        return _started(steps.to_iter_dataset(grain.ReadOptions(threads, ahead)))
    flags.FLAGS.mark_as_parsed()  # Grain asks for one of them, and nobody else parses any
    each = grain.MultiprocessingOptions(workers, per_worker_buffer_size=-(-ahead // workers))
    # One thread besides the worker's own: so the next step is read while one is handed over
    read = steps.to_iter_dataset(grain.ReadOptions(1, 1))
    # By pipes: in containers, memory that processes share is often small, and kept by killed ones
    options = grain.experimental.DatasetOptions(min_shm_size=2**60)
    read = grain.experimental.WithOptionsIterDataset(read, options)
    return _started(read.mp_prefetch(each, worker_init_fn=_begin_worker))


def _started(dataset: Any) -> Steps:
    iterator = iter(dataset)
    iterator.start_prefetch()
    return iterator


def _begin_worker(worker: int, workers: int) -> None:
    """Leave the accelerator and the signals to the process that trains, and end when it does."""
    jax.config.update("jax_platforms", "cpu")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    import os

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _by_threads(reader: _Reader, first: int, last: int, ahead: int) -> Steps:
    """Read by plain threads: what Grain does, where it is not installed."""
    with ThreadPoolExecutor(min(MOST_THREADS, cores()), "ganjax-read") as pool:
        waiting: deque[Future[Drawn]] = deque()
        try:
            for step in range(first, last):
                waiting.append(pool.submit(reader, step))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_drawing = threading.Lock()


def _rows(
    key_data: tuple[int, ...], key_impl: str, block: int, count: int, batch_size: int
) -> np.ndarray:
    """Return the rows that the steps of a block draw: int32 `[BLOCK, batch]`."""
    with _drawing:  # one thread draws, the others wait for it
        return _draw_block(key_data, key_impl, block, count, batch_size)


@lru_cache(maxsize=8)
def _draw_block(
    key_data: tuple[int, ...], key_impl: str, block: int, count: int, batch_size: int
) -> np.ndarray:
    with _on_host():
        data = np.array(key_data, np.uint32)
        return np.asarray(_rows_of_steps(data, block * BLOCK, key_impl, count, batch_size))


@partial(jax.jit, static_argnames=("key_impl", "count", "batch_size"))
def _rows_of_steps(
    key_data: Array, first: Array, key_impl: str, count: int, batch_size: int
) -> Array:
    key = jax.random.wrap_key_data(key_data, impl=key_impl)

    def rows(step: Array) -> Array:
        return rows_of_batch(keys_of_step(key, step)[0], count, batch_size)

    return jax.vmap(rows)(first + jnp.arange(BLOCK, dtype=jnp.int32))


def _on_host() -> AbstractContextManager[Any]:
    """Compute on the CPU, so as not to wait for the steps that the accelerator is busy with."""
    try:
        return jax.default_device(jax.local_devices(backend="cpu")[0])
    except RuntimeError:  # JAX_PLATFORMS names other backends only
        return nullcontext()
