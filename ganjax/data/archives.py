"""`zip:PATH`: class folders in a zip archive, read where they lie; nothing is unpacked to disk.

An archive may come from anywhere, so what it says of its members is not believed: neither their
names, nor their sizes, nor their number.
"""

import hashlib
import io
import os
import re
import stat
import weakref
import zipfile
import zlib
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ganjax.data.decode import MOST_BYTES
from ganjax.data.layout import Layout, arrange
from ganjax.data.listing import Bad, Entry, Listing
from ganjax.errors import UserError, quoted

MOST_MEMBERS = 250_000
MOST_LIST_BYTES = 128 * 2**20
"""Of the archive's list of members, which is read whole."""

MOST_RATIO = 200
"""How many times smaller packing may have made an image; a picture of one colour reaches 1,000."""

LITTLE, MUCH = 4 * 2**20, 2**30
"""Bytes up to which an image, and all images together, may have any ratio."""

OTHER_METHODS = {9: "deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 99: "encryption (AES)"}
LOCAL_HEADER = 30
LARGEST_OFFSET = 2**62
ENCRYPTED = 0x1


class Member(NamedTuple):
    """Where an image lies in an archive, by what the archive says.

    Attributes:
      offset: of its header, in bytes.
      packed: bytes that it takes there.
      size: bytes that it has.
      crc32: of these.
      deflated: whether it is compressed.
    """

    offset: int
    packed: int
    size: int
    crc32: int
    deflated: bool


class Archive:
    """Reads members; from several threads at once, and in another process when it is sent there.

    Each reading names its own place in the file, so that none disturbs another.
    """

    def __init__(self, path: Path):
        self.path = path
        self._opened: int | None = None

    def __getstate__(self) -> dict:
        return {"path": self.path, "_opened": None}

    def read(self, member: Member) -> bytes:
        """Return a member's bytes.

        Raises:
          OSError: the archive is gone.
          ValueError: the member is damaged, or not what the archive says.
        """
        within = 0 <= member.offset < LARGEST_OFFSET
        header = self._at(member.offset, LOCAL_HEADER) if within else b""
        if len(header) < LOCAL_HEADER or not header.startswith(b"PK\3\4"):
            raise ValueError("is not where the archive says")
        names = sum(int.from_bytes(header[i : i + 2], "little") for i in (26, 28))
        content = self._at(member.offset + LOCAL_HEADER + names, member.packed)
        if member.deflated:
            content = _inflated(content, member.size)
        if len(content) != member.size or zlib.crc32(content) != member.crc32:
            raise ValueError("is damaged in the archive: its length or checksum is wrong")
        return content

    def _at(self, offset: int, count: int) -> bytes:
        if self._opened is None:
            self._opened = os.open(self.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
            weakref.finalize(self, os.close, self._opened)
        return os.pread(self._opened, count, offset)


def _inflated(packed: bytes, size: int) -> bytes:
    """Decompress at most one byte more than there should be."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, size + 1)
    except zlib.error as error:
        raise ValueError(f"is damaged in the archive ({error})") from None


def list_zip(path: Path) -> Listing:
    """Find the images of a zip archive of class folders; none is read.

    Args:
      path: the archive.

    Returns:
      Its images; those that are encrypted, enormous or otherwise not to be read as bad.

    Raises:
      UserError: it cannot be opened, holds no class folders, or is made to do harm.
    """
    name = f"zip:{path}"
    found, status = open_zip(path, name, "a zip of one folder per class")
    members, bad = _by_name(found)
    archive = Archive(path)
    entries: list[Entry] = []
    digest = hashlib.sha256(f"{status.st_size} {status.st_mtime_ns}\n".encode())
    layout = _arranged(members, bad, path)
    for split, label, file in layout.images:
        member = members[file]
        if isinstance(member, str):
            bad.append(Bad(split, label, file, member))
        else:
            entries.append(Entry(split, label, file, partial(archive.read, member)))
            digest.update(f"{file} {member.size} {member.crc32}\n".encode(errors="surrogatepass"))
    if not entries:
        raise UserError(f"{quoted(name)}: none of its images can be used; {_first(bad)}")
    # The digest holds the length and the checksum of every image, and `read` returns no others. The
    # archive's time is for images that proved bad: where a whole copy replaces it, they are read.
    return Listing(name, layout.class_names, entries, bad, layout.problems, digest.hexdigest())


def open_zip(path: Path, name: str, wanted: str) -> tuple[list[zipfile.ZipInfo], os.stat_result]:
    """Read an archive's list of members; what each of them says is not yet to be believed.

    Args:
      path: the archive.
      name: of the source, for messages.
      wanted: what should have been given, for messages.

    Returns:
      Its members, and the file's status.

    Raises:
      UserError: it is none, or is made to do harm.
    """
    status = _status(path, name, wanted)
    size = status.st_size
    try:
        with _Cautious(path) as file, zipfile.ZipFile(file) as archive:
            found = archive.infolist()
    except UserError as error:
        raise UserError(f"{quoted(name)} {error}: give fewer, or folder:PATH") from None
    # zipfile fails as the bytes do: BadZipFile, ValueError, NotImplementedError, struct.error, ...
    except Exception as error:
        raise UserError(f"{quoted(name)} {_no_archive(path, size, error, wanted)}") from None
    if sum(member.compress_size for member in found) > size:
        raise UserError(
            f"{quoted(name)} is no archive to be trusted: its members take more room than it has"
        )
    unpacked = sum(member.file_size for member in found)
    if unpacked > max(MUCH, MOST_RATIO * size):
        raise UserError(
            f"{quoted(name)} is no archive to be trusted: its {size:,} bytes unpack to {unpacked:,}"
        )
    return found, status


def _status(path: Path, name: str, wanted: str) -> os.stat_result:
    """Return a regular file's status."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise UserError(f"{quoted(name)} does not exist: give {wanted}") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{quoted(name)} cannot be read ({quoted(error)})") from None
    if stat.S_ISDIR(found.st_mode):
        raise UserError(f"{quoted(path)} is a folder: give {wanted}, or folder:{quoted(path)}")
    if not stat.S_ISREG(found.st_mode):  # to open a pipe could take for ever
        raise UserError(f"{quoted(path)} is no regular file: give {wanted}")
    return found


class _Cautious(io.FileIO):
    """A file that refuses to be read where an enormous list of members would be.

    zipfile reads that list in one piece, and makes an object of some 600 bytes of each member.
    """

    def read(self, size: int | None = -1) -> bytes:
        if size is not None and size > MOST_LIST_BYTES:
            raise UserError(f"has a list of members of more than {MOST_LIST_BYTES >> 20} MiB")
        content = super().read(size) or b""
        if content.count(b"PK\1\2") > MOST_MEMBERS:
            raise UserError(f"has more than {MOST_MEMBERS:,} members")
        return content


def _no_archive(path: Path, size: int, error: Exception, wanted: str) -> str:
    if isinstance(error, OSError) and error.errno:
        return f"cannot be read ({error.strerror})"
    if not size:
        return "is empty (0 bytes): copy it again"
    with path.open("rb") as file:
        if file.read(2) != b"PK":
            return f"is no zip archive: give {wanted}"
    words = re.sub(r"\s+", " ", str(error)).strip()[:100]
    return f"is cut off or damaged ({quoted(words)}): copy or pack it again"


def _arranged(members: dict[str, Member | str], bad: list[Bad], path: Path) -> Layout:
    try:
        return arrange(members, str(path))
    except UserError as error:
        if bad:
            raise UserError(
                f"{error}; {len(bad):,} members cannot be used; {_first(bad)}"
            ) from None
        raise


def _first(bad: list[Bad]) -> str:
    return f"the first: {quoted(bad[0].file)} {quoted(bad[0].reason)}"


def _by_name(found: list[zipfile.ZipInfo]) -> tuple[dict[str, Member | str], list[Bad]]:
    """Return members by plain relative names, or why they cannot be read; and those without one."""
    members: dict[str, Member | str] = {}
    nameless: list[Bad] = []
    for info in found:
        raw = info.orig_filename  # zipfile cuts the other one at a NUL
        if reason := _wrong_name(raw):
            if not raw.endswith("/"):
                nameless.append(Bad("train", -1, raw, reason))
            continue
        name = "/".join(part for part in raw.split("/") if part not in ("", "."))
        if not name:
            continue
        if raw.endswith("/"):
            members.setdefault(f"{name}/", "is a folder")
        elif name in members:
            members[name] = "is in the archive more than once"
        else:
            members[name] = _unusable(info) or Member(
                info.header_offset,
                info.compress_size,
                info.file_size,
                info.CRC,
                info.compress_type == zipfile.ZIP_DEFLATED,
            )
    return members, nameless


def _wrong_name(name: str) -> str | None:
    """Return what is wrong with a member's name, if anything is."""
    if "\0" in name:
        return "has a name with a NUL in it"
    if "\\" in name:
        return "has a name with a backslash: pack it with / between folders"
    if name.startswith("/"):
        return "has an absolute name"
    if re.match("[A-Za-z]:", name):
        return "has a name with a drive letter"
    if ".." in name.split("/"):
        return "has a name that leads out of the archive"
    return None


def _unusable(info: zipfile.ZipInfo) -> str | None:
    """Return why a member cannot be read, if it cannot."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "is a symbolic link"
    if kind not in (0, stat.S_IFREG):
        return "is no regular file"
    if info.flag_bits & ENCRYPTED:
        return "is encrypted"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = OTHER_METHODS.get(info.compress_type, f"method {info.compress_type}")
        return f"is packed by {method}; only deflate is read"
    if max(info.file_size, info.compress_size) > MOST_BYTES:
        return f"says that it has {info.file_size:,} bytes, more than {MOST_BYTES:,}"
    if info.file_size > max(LITTLE, MOST_RATIO * info.compress_size):
        return f"unpacks from {info.compress_size:,} to {info.file_size:,} bytes"
    return None
