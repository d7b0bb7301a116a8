"""A labelled image set on disk: ordinary PNG files in class folders, with a manifest."""

import hashlib
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ganjax.errors import UserError
from ganjax.progress import Tick

SCHEMA = 1


def check_free(out: Path) -> None:
    """Raise `UserError` unless `out` is missing or an empty folder."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"--out {out} exists and is not empty; give a new folder")


def write_labelled_images(
    out: Path,
    images: np.ndarray,
    labels: np.ndarray,
    class_names: tuple[str, ...],
    *,
    facts: dict[str, Any] | None = None,
    tick: Tick = lambda done, note="": None,
) -> None:
    """Write `OUT/CLASS/000000.png` ... and `OUT/manifest.json`, all of it or nothing.

    The folder reads back as `folder:OUT`.

    Args:
      out: missing, or an empty folder.
      images: uint8 `[n, height, width, channels]`.
      labels: int32 `[n]`.
      class_names: what the labels mean.
      facts: further JSON values for the manifest.
      tick: told how many images are written.

    Raises:
      UserError: `out` is in use.
    """
    check_free(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    temporary.chmod(0o755)
    try:
        folders = folder_names(class_names)
        files = []
        for folder in folders:
            (temporary / folder).mkdir()
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            name = f"{folders[label]}/{i:06d}.png"
            content = png(image)
            (temporary / name).write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            files.append({"file": name, "label": int(label), "sha256": sha256})
            tick(i + 1)
        manifest = {
            "schema": SCHEMA,
            "classes": list(class_names),
            "counts": np.bincount(labels, minlength=len(class_names)).tolist(),
            **(facts or {}),
            "files": files,
        }
        (temporary / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        if out.exists():
            out.rmdir()
        temporary.replace(out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def png(image: np.ndarray) -> bytes:
    """Encode uint8 `[height, width, channels]` as PNG."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, "PNG")
    return file.getvalue()


def folder_names(class_names: tuple[str, ...]) -> list[str]:
    """Name each class's folder so that any file system takes it and `folder:` reads it back.

    Folders are read in the order of their names, so the labels survive only where that is the order
    of the classes: otherwise, or where a name had to change, all get their label in front.
    """
    safe = [_safe(name) for name in class_names]
    width = len(str(len(safe) - 1))
    kept = (
        safe == list(class_names)
        and safe == sorted(safe)
        and len({name.casefold() for name in safe}) == len(safe)
        and set(safe) != {"train", "test"}  # which would be read as two splits
        and all(safe)
    )
    return safe if kept else [f"{label:0{width}d}_{name}" for label, name in enumerate(safe)]


def _safe(class_name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-_ ." else "_" for c in class_name).strip(" .")
    return kept.encode()[:200].decode(errors="ignore")
