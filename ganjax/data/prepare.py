"""Sets of TensorFlow Datasets downloaded and prepared as array_record: what needs TensorFlow."""

import difflib
import io
import os
import re
import shlex
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path

from ganjax.errors import UserError, quoted


def can_prepare() -> bool:
    """Return whether TensorFlow is installed; it is not imported."""
    return find_spec("tensorflow") is not None


def advice(name: str, data_dir: Path | str) -> str:
    """Return what to type to prepare a set."""
    source, folder = shlex.quote(f"tfds:{name}"), shlex.quote(str(data_dir))
    return f"pip install 'ganjax[tf]' and run: ganjax data {source} --data-dir {folder}"


def prepare(name: str, data_dir: Path, say: Callable[[str], None]) -> None:
    """Download a set and prepare it; where another process did so meanwhile, that is as good.

    Args:
      name: of the set, as TFDS knows it.
      data_dir: where it goes: DATA_DIR/NAME/VERSION, whole or not at all.
      say: told in a line what is done.

    Raises:
      UserError: TFDS has no such set, or could not prepare it; the message has TFDS's reason.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # no greetings of TensorFlow's
    import tensorflow as tf
    import tensorflow_datasets as tfds

    tf.config.set_visible_devices([], "GPU")  # it would take the memory that JAX is to have
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()
    try:
        builder = tfds.builder(name, data_dir=str(data_dir), file_format="array_record")
    except tfds.core.DatasetNotFoundError:
        near = difflib.get_close_matches(name.partition("/")[0], tfds.list_builders(), n=1)
        hint = f" (did you mean tfds:{near[0]}?)" if near else ""
        raise UserError(f"TensorFlow Datasets knows no set {name}{hint}") from None
    except Exception as error:
        raise UserError(f"tfds:{name} cannot be prepared: {_words(error)}") from None
    size = f" ({builder.info.download_size})" if builder.info.download_size else ""
    say(f"tfds:{name} is downloaded{size} and prepared in {quoted(data_dir)}: this is done once")
    try:
        with redirect_stdout(io.StringIO()):
            builder.download_and_prepare()
    # whatever its download, its archives and its builder raise
    except Exception as error:
        if not (Path(builder.data_dir) / "dataset_info.json").exists():
            raise UserError(f"tfds:{name} could not be prepared: {_words(error)}") from None


def _words(error: Exception) -> str:
    words = re.sub(r"\s+", " ", str(error)).strip()
    return quoted(words[:300]) or type(error).__name__
