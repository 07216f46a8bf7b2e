"""The registry of models: what is shipped, what users add, and how mistakes are told."""

from __future__ import annotations

import pydoc
import re
from pathlib import Path

import pytest

from photoqueue.engines import model_registry
from photoqueue.engines.model_registry import (
    KEYS,
    RECOMMENDED,
    find_model,
    model_entry,
    present_models,
    published_models,
    registered_models,
)
from photoqueue.errors import ConfigurationError, EngineUnavailableError, ModelError
from photoqueue.settings import Settings

#: sha256 of b"weights".
DIGEST = "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_published_models_say_all_that_a_user_must_know(tmp_path: Path) -> None:
    names = [entry.name for entry in published_models(tmp_path)]
    assert names == [
        "dfine-l-objects365",
        "dfine-m-objects365",
        "dfine-s-objects365",
        "dfine-n-coco",
        "deimv2-femto-coco",
        "deimv2-atto-coco",
        "yolox-nano-coco",
    ]
    assert names[0] == RECOMMENDED
    for entry in published_models(tmp_path):
        assert entry.classes in ("coco", "objects365")
        assert entry.licence == "Apache-2.0"
        assert entry.size and entry.sha256 and entry.note and not entry.own
        assert all(address.startswith("https://") for address in entry.addresses)
        assert entry.addresses
        if entry.name.startswith("dfine"):
            assert "not measured on rooms" in entry.note
    # An address of a branch may give another file tomorrow.
    moving = [e for e in published_models(tmp_path) if "/resolve/main/" in e.addresses[0]]
    assert [entry.name for entry in moving] == ["dfine-m-objects365"]
    assert "revision not known" in moving[0].note


def test_users_models_come_first_and_take_the_place_of_published_ones(tmp_path: Path) -> None:
    write(tmp_path / "models.toml", '[models.zoo]\npath = "zoo.onnx"\n')
    write(
        tmp_path / "models" / "more.toml",
        '[models.dfine-n-coco]\naddress = "https://files.example/n.onnx"\n',
    )

    models = registered_models(tmp_path)

    assert list(models)[:3] == ["zoo", "dfine-n-coco", "dfine-l-objects365"]
    assert len(models) == 8
    assert models["dfine-n-coco"].own
    assert models["dfine-n-coco"].sha256 == ()


def test_own_model_is_a_few_lines(tmp_path: Path) -> None:
    write(tmp_path / "nets" / "rooms.onnx", "weights")
    write(tmp_path / "nets" / "names.txt", "sofa_3_seat\n")
    write(
        tmp_path / "models.toml",
        '[models.rooms]\npath = "nets/rooms.onnx"\nclasses = "nets/names.txt"\nthreshold = 0.4\n',
    )

    found = find_model(Settings(home=tmp_path))

    assert (found.name, found.path) == ("rooms", tmp_path / "nets" / "rooms.onnx")
    assert (found.classes, found.threshold) == (tmp_path / "nets" / "names.txt", 0.4)


def test_file_in_the_models_folder_needs_no_path(tmp_path: Path) -> None:
    write(tmp_path / "models" / "rooms.onnx", "weights")
    write(tmp_path / "models" / "rooms.toml", "[models.rooms]\n")

    assert find_model(Settings(home=tmp_path, model="rooms")).path.read_text() == "weights"


def test_digest_or_size_of_an_own_model_is_checked(tmp_path: Path) -> None:
    write(tmp_path / "models" / "rooms.onnx", "weights")
    settings = Settings(home=tmp_path, model="rooms")

    write(tmp_path / "models.toml", f'[models.rooms]\nsha256 = ["{"0" * 64}", "{DIGEST.upper()}"]')
    assert find_model(settings).name == "rooms"
    write(tmp_path / "models.toml", f'[models.rooms]\nsha256 = "{"0" * 64}"')
    with pytest.raises(ModelError, match=f"not the registered model 'rooms' .sha256 {DIGEST}"):
        find_model(settings)
    write(tmp_path / "models.toml", "[models.rooms]\nsize = 8")
    with pytest.raises(ModelError, match="7 bytes instead of 8"):
        find_model(settings)


def test_present_models_come_in_order_of_preference(tmp_path: Path) -> None:
    for name in ("yolox-nano-coco", "dfine-s-objects365", "deimv2-femto-coco"):
        write(tmp_path / "models" / f"{name}.onnx", "")

    assert [entry.name for entry in present_models(tmp_path)] == [
        "dfine-s-objects365",
        "deimv2-femto-coco",
        "yolox-nano-coco",
    ]


def test_model_that_is_not_there_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(
        EngineUnavailableError, match=r"photoqueue models pull dfine-s-objects365 \(42.1 MB\)"
    ):
        find_model(Settings(home=tmp_path, model="dfine-s-objects365"))


@pytest.mark.parametrize("look", ["find", "entry"])
def test_unknown_model_names_the_nearest_and_all(tmp_path: Path, look: str) -> None:
    write(tmp_path / "models.toml", "[models.rooms]\n")
    with pytest.raises(EngineUnavailableError) as error:
        if look == "find":
            find_model(Settings(home=tmp_path, model="deimv2-fempto-coco"))
        else:
            model_entry(tmp_path, "deimv2-fempto-coco")

    assert "Did you mean 'deimv2-femto-coco'" in str(error.value)
    assert all(name in str(error.value) for name in registered_models(tmp_path))


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ("[models.a]\npth = 'x'", "models.a.pth", "did you mean 'path'? keys are path, address"),
        ("[models.a]\nthreshold = 1.5", "models.a.threshold", "less than or equal to 1"),
        ("[models.a]\nthreshold = '0.4'", "models.a.threshold", "valid number"),
        ("[models.a]\nsize = 0", "models.a.size", "greater than 0"),
        ("[models.a]\nsha256 = 'abc'", "models.a.sha256", "64 hexadecimal digits"),
        ("[models.a]\naddress = 'ftp://x/y'", "models.a.address", "https://"),
        ("[models.a]\naddress = 'https://me:pw@x/y'", "models.a.address", "without a login"),
        ("[models.a]\npath = ''", "models.a.path", "give the name of a file"),
        ("[models.a]\nclasses = 'cocoa'", "models.a.classes", "there is no file"),
        ("[models.v1.2]\npath = 'x'", "models.v1.2", '[models."v1.2"]'),
        ("[models.'../a']\npath = 'x'", "models.../a", "lower-case letters"),
        ("[models]\na = 3", "models.a", "table is [models.a]"),
        ("models = 3", "models", "table is [models.NAME]"),
        ("[model.a]", "model", "table is [models.NAME]"),
    ],
)
def test_mistake_names_file_and_key_and_what_to_do(
    tmp_path: Path, text: str, key: str, problem: str
) -> None:
    file = write(tmp_path / "models" / "mine.toml", text)

    with pytest.raises(ConfigurationError) as error:
        registered_models(tmp_path)

    message = str(error.value)
    assert f"Model file {file}, key {key}: " in message
    assert problem in message
    assert "Correct it there" in message
    assert "pw" not in message


@pytest.mark.parametrize("content", [b"[models.a", b"\xff\xfe", b"[models.a]\n[models.a]"])
def test_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "models.toml"
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match="cannot be read as TOML") as error:
        registered_models(tmp_path)

    assert str(file) in str(error.value)


def test_model_registered_twice_names_both_files(tmp_path: Path) -> None:
    first = write(tmp_path / "models.toml", "[models.a]\n")
    second = write(tmp_path / "models" / "b.toml", "[models.a]\n")

    with pytest.raises(ConfigurationError, match="registered twice") as error:
        registered_models(tmp_path)

    assert str(first) in str(error.value)
    assert str(second) in str(error.value)


def test_format_is_documented_key_by_key() -> None:
    shown = pydoc.getdoc(model_registry)

    assert set(re.findall(r"^``(\w+)``", shown, re.M)) == set(KEYS)
