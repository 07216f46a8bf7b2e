"""Photos in S3, against a server that speaks its protocol on this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image

from photoqueue.errors import (
    PhotoNotFoundError,
    PhotoTooLargeError,
    StorageError,
    UnreadablePhotoError,
)
from photoqueue.photos.sources import read_photo
from photoqueue.photos.store import PhotoStore
from tests.homes import expanded

MAX_BYTES = 300_000


def jpeg() -> bytes:
    stream = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(stream, "JPEG")
    return stream.getvalue()


# Imported here: each process that collects the tests would spend seconds on these packages.
@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket, found through the environment as an operator would set it."""
    import boto3
    from s3fs import S3FileSystem

    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    S3FileSystem.clear_instance_cache()
    client = boto3.client("s3")
    client.create_bucket(Bucket="moves")
    yield "moves"
    for item in client.list_objects_v2(Bucket="moves").get("Contents", []):
        client.delete_object(Bucket="moves", Key=item["Key"])
    client.delete_bucket(Bucket="moves")
    client.close()
    S3FileSystem.clear_instance_cache()


def put(bucket: str, key: str, data: bytes) -> None:
    import boto3

    client = boto3.client("s3")
    client.put_object(Bucket=bucket, Key=key, Body=data)
    client.close()


def read(source: str) -> bytes:
    return read_photo(source, max_bytes=MAX_BYTES, max_pixels=1_000_000).data


def test_a_photo_is_read(bucket: str) -> None:
    put(bucket, "42/mon salon été.jpg", jpeg())

    photo = read_photo(
        f"s3://{bucket}/42/mon salon été.jpg", max_bytes=MAX_BYTES, max_pixels=1_000_000
    )

    assert photo.data == jpeg()
    assert photo.name == "mon salon été.jpg"


def test_folders_and_globs_are_expanded(bucket: str) -> None:
    for key in ("42/10.jpg", "42/2.jpg", "42/room/1.png", "42/notes.txt"):
        put(bucket, key, b"x")

    expected = [f"s3://{bucket}/42/{name}" for name in ("2.jpg", "10.jpg", "room/1.png")]
    assert expanded(f"s3://{bucket}/42") == expected
    assert expanded(f"s3://{bucket}/42/") == expected
    assert expanded(f"s3://{bucket}") == expected
    assert expanded(f"s3://{bucket}/42/*.jpg") == expected[:2]
    # What was uploaded since the last listing is seen.
    put(bucket, "42/attic/1.jpg", b"x")
    assert expanded(f"s3://{bucket}/42/attic") == [f"s3://{bucket}/42/attic/1.jpg"]


def test_what_is_not_there_is_not_found(bucket: str) -> None:
    for url in (f"s3://{bucket}/none.jpg", "s3://no-such-bucket/none.jpg"):
        with pytest.raises(PhotoNotFoundError, match="does not exist"):
            read(url)


def test_size_is_checked_before_reading(bucket: str) -> None:
    put(bucket, "huge.jpg", bytes(MAX_BYTES + 1))
    put(bucket, "empty.jpg", b"")

    with pytest.raises(PhotoTooLargeError, match=r"huge\.jpg"):
        read(f"s3://{bucket}/huge.jpg")
    with pytest.raises(UnreadablePhotoError, match="is empty"):
        read(f"s3://{bucket}/empty.jpg")


def test_a_store_in_a_bucket(bucket: str) -> None:
    data = jpeg()
    sha256 = hashlib.sha256(data).hexdigest()
    store = PhotoStore(f"s3://{bucket}/photos")
    with pytest.raises(PhotoNotFoundError):
        store.get(sha256)
    assert store.get_thumbnail(sha256) is None
    with pytest.raises(PhotoNotFoundError, match=f"s3://{bucket}/photos"):
        store.get(sha256)

    store.put(data, sha256)
    store.put(data, sha256)
    store.put_thumbnail(sha256, b"small")

    other = PhotoStore(f"s3://{bucket}/photos/")
    assert other.get(sha256) == data
    assert other.get_thumbnail(sha256) == b"small"


def test_a_bucket_tells_how_long_a_photo_has_rested(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = jpeg()
    sha256 = hashlib.sha256(data).hexdigest()
    store = PhotoStore(f"s3://{bucket}/photos")
    assert list(store.at_rest(0)) == []
    store.put(data, sha256, installation="12345678")
    store.put_thumbnail(sha256, b"small")
    assert list(store.at_rest(0)) == [sha256, sha256]
    assert list(store.at_rest(3600)) == []
    assert store.installations() == {"12345678"}
    assert not store.delete(sha256, resting_seconds=3600)

    # To put it again renews its age: a photo at rest may be deleted before its job is committed.
    put(bucket, f"photos/originals/{sha256[:2]}/{sha256}", bytes(len(data)))
    store.put(data, sha256)
    with pytest.raises(UnreadablePhotoError):
        store.get(sha256)
    monkeypatch.setattr("photoqueue.photos.store._FRESH_SECONDS", 0.0)
    store.put(data, sha256)
    assert store.get(sha256) == data
    assert store.delete(sha256)
    assert list(store.at_rest(0)) == []


def test_a_store_sees_what_another_process_put(bucket: str) -> None:
    data = jpeg()
    sha256 = hashlib.sha256(data).hexdigest()
    store = PhotoStore(f"s3://{bucket}")
    with pytest.raises(PhotoNotFoundError):
        store.get(sha256)

    put(bucket, f"originals/{sha256[:2]}/{sha256}", data)

    assert store.get(sha256) == data


def test_a_store_without_its_bucket_is_not_made_silently(bucket: str) -> None:
    store = PhotoStore("s3://no-such-bucket/photos")

    with pytest.raises(StorageError, match="Create the bucket"):
        store.put(b"x", "0" * 64)


def test_a_bucket_that_is_away_may_be_tried_again(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # the discard port: closed
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    from s3fs import S3FileSystem

    monkeypatch.setattr(S3FileSystem, "retries", 1)
    S3FileSystem.clear_instance_cache()

    with pytest.raises(StorageError, match="cannot be reached"):
        PhotoStore(f"s3://{bucket}/photos").get("0" * 64)
