"""Photos are kept whole or not at all, under their content address."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from photoqueue.errors import (
    PayloadError,
    PhotoNotFoundError,
    StorageError,
    UnreadablePhotoError,
)
from photoqueue.photos.store import PhotoStore
from photoqueue.settings import Settings
from tests.processes import at_once

DATA = b"a photo of a sofa" * 1000


def address(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


SHA = address(DATA)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def memory_root(tmp_path: Path) -> str:
    return f"memory://store{tmp_path}"


class Folders(LocalFileSystem):
    """A file system of fsspec that, unlike a bucket, needs its folders made."""

    protocol = "folders"


fsspec.register_implementation("folders", Folders, clobber=True)


@pytest.fixture(params=["folder", "file-url", "memory", "folders"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> PhotoStore:
    roots = {
        "folder": str(tmp_path / "photos"),
        "file-url": f"file://{tmp_path}/photo%20store",
        "memory": memory_root(tmp_path),
        "folders": f"folders://{tmp_path}/photos",
    }
    return PhotoStore(roots[request.param])


def test_what_is_put_is_got(store: PhotoStore) -> None:
    with pytest.raises(PhotoNotFoundError):
        store.get(SHA)

    store.put(DATA, SHA)
    store.put(DATA, SHA)

    assert store.get(SHA) == DATA


def test_thumbnails_are_kept_beside(store: PhotoStore) -> None:
    assert store.get_thumbnail(SHA) is None

    store.put_thumbnail(SHA, b"small")

    assert store.get_thumbnail(SHA) == b"small"
    with pytest.raises(PhotoNotFoundError):
        store.get(SHA)


def test_a_missing_photo_says_how_stores_are_shared(store: PhotoStore) -> None:
    with pytest.raises(PhotoNotFoundError, match="PHOTOQUEUE_PHOTO_STORE") as caught:
        store.get(SHA)
    assert store.describe() in str(caught.value)


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "abc",
        "../../etc/passwd",
        f"../{SHA}",
        SHA[:-3] + "/..",
        SHA.upper(),
        SHA + "\n",
        SHA + "0",
        "0" * 63 + "٣",
    ],
)
def test_a_forged_address_never_becomes_a_path(tmp_path: Path, forged: str) -> None:
    store = PhotoStore(str(tmp_path / "photos"))
    for call in (store.get, store.get_thumbnail):
        with pytest.raises(PayloadError, match="no content address"):
            call(forged)
    for put in (lambda: store.put(DATA, forged), lambda: store.put_thumbnail(forged, DATA)):
        with pytest.raises(PayloadError, match="no content address"):
            put()
    assert not files(tmp_path)


def test_for_settings_uses_the_setting_or_the_home(tmp_path: Path) -> None:
    home = Settings(home=tmp_path)
    bucket = Settings(home=tmp_path, photo_store="s3://bucket/photos")

    assert PhotoStore.for_settings(home).describe() == str(tmp_path / "photos")
    assert PhotoStore.for_settings(bucket).describe() == "s3://bucket/photos"


def test_secrets_are_masked(tmp_path: Path) -> None:
    store = PhotoStore("sftp://mover:secret@host/photos")

    assert store.describe() == "sftp://***@host/photos"
    assert "secret" not in repr(store)


def test_a_stored_photo_is_not_written_again(tmp_path: Path) -> None:
    store = PhotoStore(str(tmp_path))
    store.put(DATA, SHA)
    (path,) = files(tmp_path)
    # As large, so that only writing it, in place or anew, could bring the photo back.
    mark = bytes(len(DATA))
    path.write_bytes(mark)
    os.utime(path, (1, 1))
    before = path.stat()

    store.put(DATA, SHA)

    assert files(tmp_path) == [path]
    assert path.read_bytes() == mark
    after = path.stat()
    assert (after.st_ino, after.st_nlink) == (before.st_ino, before.st_nlink)
    assert after.st_mtime > before.st_mtime  # it says that it was submitted again


def test_an_old_photo_is_deleted_unless_it_was_stored_again(tmp_path: Path) -> None:
    store = PhotoStore(str(tmp_path))
    store.put(DATA, SHA)
    store.put_thumbnail(SHA, b"jpeg")
    for path in files(tmp_path):
        os.utime(path, (1, 1))
    store.put(DATA, SHA)
    assert not store.delete(SHA, resting_seconds=3600)
    assert store.get(SHA) == DATA
    for path in files(tmp_path):
        os.utime(path, (1, 1))
    assert store.delete(SHA, resting_seconds=3600)
    assert not store.delete(SHA)
    assert files(tmp_path) == []


def test_what_nobody_has_put_for_long_is_found(store: PhotoStore, tmp_path: Path) -> None:
    assert list(store.at_rest(0)) == []
    assert store.installations() == set()
    store.put(DATA, SHA, installation="12345678")
    store.put(DATA, SHA, installation="abcdefab")
    store.put_thumbnail(SHA, b"jpeg")
    store.put_thumbnail("0" * 64, b"jpeg")
    assert set(store.at_rest(0)) == {SHA, "0" * 64}
    assert list(store.at_rest(3600)) == []
    assert store.installations() == {"12345678", "abcdefab"}


def test_what_a_killed_process_left_unfinished_goes(tmp_path: Path) -> None:
    store = PhotoStore(str(tmp_path))
    store.put(DATA, SHA)
    (photo,) = files(tmp_path)
    (photo.parent / f".{SHA[:16]}.0123.part").touch()
    (photo.parent / "notes.txt").touch()
    assert list(store.at_rest(3600)) == []
    assert len(files(tmp_path)) == 3
    assert list(store.at_rest(0)) == [SHA]
    assert {path.name for path in files(tmp_path)} == {SHA, "notes.txt"}


def test_a_store_that_cannot_be_listed_is_no_empty_one(tmp_path: Path) -> None:
    store = PhotoStore(str(tmp_path))
    (tmp_path / "installations" / "x").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "scandir", _denied)
        with pytest.raises(StorageError, match="cannot be read"):
            store.installations()


def _denied(path: str) -> None:
    raise PermissionError(errno.EACCES, "Permission denied", path)


def test_a_cut_file_is_replaced(tmp_path: Path) -> None:
    store = PhotoStore(str(tmp_path))
    store.put(DATA, SHA)
    (path,) = files(tmp_path)
    path.write_bytes(DATA[:100])

    store.put(DATA, SHA)

    assert store.get(SHA) == DATA


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    store = PhotoStore(str(tmp_path))
    store.put(DATA, SHA)
    (path,) = files(tmp_path)
    path.write_bytes(DATA[:-1] + b"!")

    with pytest.raises(UnreadablePhotoError, match="does not match its address"):
        store.get(SHA)


@pytest.mark.parametrize(
    ("made", "folder", "file"),
    [
        (None, 0o700, 0o600),
        (0o755, 0o700, 0o600),
        # For several accounts: made by the operator for their group to write to.
        (0o2770, 0o2770, 0o660),
        (0o777, 0o770, 0o660),
    ],
)
def test_a_photo_is_private_or_for_the_group_that_the_store_is_made_for(
    tmp_path: Path, made: int | None, folder: int, file: int
) -> None:
    root = tmp_path / "new" / "photos"
    if made is not None:
        root.mkdir(parents=True)
        root.chmod(made)
    before = os.umask(0o022)
    try:
        PhotoStore(str(root)).put(DATA, SHA)
        PhotoStore(str(root)).put_thumbnail(SHA, b"jpeg")
    finally:
        os.umask(before)
    inside = {path: stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}
    assert {mode for path, mode in inside.items() if path.is_dir()} == {folder}
    assert {mode for path, mode in inside.items() if path.is_file()} == {file}
    assert len(inside) == 6
    if made is None:
        assert {stat.S_IMODE(path.stat().st_mode) for path in (root, root.parent)} == {0o700}
    else:
        assert stat.S_IMODE(root.stat().st_mode) == made  # it is the operator's


def test_a_photo_is_flushed_before_it_is_named_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    flush, rename = os.fsync, Path.replace

    def note_flush(descriptor: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "content")
        flush(descriptor)

    def note_rename(self: Path, target: Path) -> Path:
        events.append("name")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", note_flush)
    monkeypatch.setattr(Path, "replace", note_rename)
    store = PhotoStore(str(tmp_path))

    store.put(DATA, SHA)
    assert events[-3:] == ["content", "name", "folder"]
    events.clear()
    store.put(DATA, SHA)
    assert events == ["folder"]
    events.clear()
    store.put_thumbnail(SHA, b"small")
    assert events == ["name"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    store = PhotoStore(str(tmp_path / "photos"))
    for folder in ("originals", f"originals/{SHA[:2]}"):
        (tmp_path / "photos" / folder).mkdir(parents=True)

    with pytest.raises(StorageError, match=r"full: 17,000 bytes.*PHOTOQUEUE_PHOTO_STORE or"):
        store.put(DATA, SHA)
    assert not files(tmp_path)
    with pytest.raises(PhotoNotFoundError):
        store.get(SHA)


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_write_that_the_system_refuses_half_way_leaves_nothing(tmp_path: Path) -> None:
    # A limit on file size stops the real write in the middle, without being root.
    script = """
        import hashlib, resource, signal, sys
        from photoqueue.errors import StorageError
        from photoqueue.photos.store import PhotoStore
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        data = bytes(1_000_000)
        store = PhotoStore(sys.argv[1])
        try:
            store.put(data, hashlib.sha256(data).hexdigest())
        except StorageError as error:
            print(error)
    """
    done = run(script, str(tmp_path))

    assert "full: 1,000,000 bytes" in done.stdout, done.stderr
    assert str(tmp_path) in done.stdout
    assert not files(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_truly_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let a small disk be mounted")
    try:
        store = PhotoStore(str(disk / "photos"))
        large = os.urandom(1_000_000)
        with pytest.raises(StorageError, match="is full"):
            store.put(large, address(large))
        assert not files(disk)
        store.put(DATA, SHA)  # what fits is still taken
        assert store.get(SHA) == DATA
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_root_that_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "photos").touch()
    store = PhotoStore(str(tmp_path / "photos"))

    for call in (lambda: store.put(DATA, SHA), lambda: store.get(SHA)):
        with pytest.raises(StorageError, match="PHOTOQUEUE_PHOTO_STORE or PHOTOQUEUE_HOME"):
            call()


def test_ten_processes_put_the_same_photo(tmp_path: Path) -> None:
    script = """
        import hashlib, sys
        from photoqueue.photos.store import PhotoStore
        store = PhotoStore(sys.argv[1])
        for number in range(20):
            data = bytes([number]) * 200_000
            sha256 = hashlib.sha256(data).hexdigest()
            store.put(data, sha256)
            assert store.get(sha256) == data
    """
    at_once(textwrap.dedent(script), 10, str(tmp_path))
    assert len(files(tmp_path)) == 20  # no temporary file is left


def test_importing_photoqueue_loads_nothing_of_photos() -> None:
    script = """
        import sys
        import photoqueue, photoqueue.errors, photoqueue.words, photoqueue.settings
        print([m for m in ("PIL", "numpy", "fsspec", "photoqueue.photos") if m in sys.modules])
    """
    assert run(script).stdout.strip() == "[]"


def test_a_local_store_does_not_load_fsspec(tmp_path: Path) -> None:
    script = """
        import sys
        from photoqueue.photos.store import PhotoStore
        PhotoStore(sys.argv[1]).get_thumbnail("0" * 64)
        print([m for m in ("fsspec", "PIL", "numpy") if m in sys.modules])
    """
    assert run(script, str(tmp_path)).stdout.strip() == "[]"
