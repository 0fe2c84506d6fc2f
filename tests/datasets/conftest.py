from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import struct
import tarfile
import threading
from dataclasses import replace

import numpy as np
import pytest

from brianbridge.datasets import file_search, registry

_CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
_ROLES = ("train_images", "train_labels", "test_images", "test_labels")


def _idx_bytes(array: np.ndarray) -> bytes:
    kind = array.dtype.str[1:]
    header = struct.pack(">BBBB", 0, 0, _CODES[kind], array.ndim)
    return (
        header + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(f">{kind}").tobytes()
    )


@pytest.fixture
def idx_bytes():
    """Make an IDX file, independently of the reader."""
    return _idx_bytes


@pytest.fixture
def put():
    """Write files into a folder, plain or gzipped; gives the folder."""

    def write(folder, contents, gz=False):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            path = folder / (f"{name}.gz" if gz else name)
            path.write_bytes(gzip.compress(content, mtime=0) if gz else content)
        return folder

    return write


@pytest.fixture
def register(tmp_path, monkeypatch):
    """Make `shapes` the only dataset, with these files at these addresses."""

    def write(contents, *urls):
        lines = [
            "[shapes]",
            'title = "Shapes"\nsource = "idx"\nshape = [3, 2]\nclasses = ["a", "b", "c"]',
            "samples = { train = 12, test = 6 }\nfull_scale = 255",
            f'licence = "none"\nprovenance = "a test"\nurls = {list(urls)}\npacked = ".gz"',
        ]
        for role, (name, content) in zip(_ROLES, contents.items(), strict=True):
            packed = gzip.compress(content, mtime=0)
            lines += [
                f"[shapes.files.{role}]",
                f'name = "{name}"\nbytes = {len(content)}',
                f'sha256 = "{hashlib.sha256(content).hexdigest()}"',
                f'download = "md5:{hashlib.md5(packed).hexdigest()}"',
            ]
        (tmp_path / "share").mkdir(exist_ok=True)
        (tmp_path / "share" / "registry.toml").write_text("\n".join(lines))
        registry.registry.cache_clear()

    monkeypatch.setattr(registry, "share_folder", lambda kind: tmp_path / "share")
    yield write
    registry.registry.cache_clear()


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """Put all folders that are searched below `tmp_path`, where nothing is yet."""
    monkeypatch.setattr(file_search, "cache_folder", lambda name: tmp_path / "cache" / name)
    monkeypatch.delenv("BRIANBRIDGE_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_DIRS", str(tmp_path / "system"))


@pytest.fixture
def shapes(register, nowhere):
    """Register a small IDX set that is nowhere yet; gives the content of its files by name."""
    rng = np.random.default_rng(0)
    contents = {}
    for name, n in (("train", 12), ("t10k", 6)):
        images = rng.integers(0, 256, (n, 3, 2), dtype=np.uint8)
        images[0, 0] = 0, 255
        contents[f"{name}-images-idx3-ubyte"] = _idx_bytes(images)
        contents[f"{name}-labels-idx1-ubyte"] = _idx_bytes(np.arange(n, dtype=np.uint8) % 3)
    register(contents)
    return contents


@pytest.fixture
def shrink(nowhere, monkeypatch):
    """Make a dataset of the registry the only one and as small as these files, else as it is.

    What cannot be known of small files goes: the sha256 of the content.
    """

    real = registry.registry()

    def write(name, samples, contents, *urls, packed=None):
        entry = real[name]
        files = {}
        for role, file in entry.files.items():
            served = contents[file.name]
            if entry.packed:
                served = gzip.compress(served, mtime=0)
            digest = f"md5:{hashlib.md5(served).hexdigest()}"
            size = len(contents[file.name])
            files[role] = replace(file, bytes=size, sha256=None, download=digest)
        archive = entry.archive
        if packed is not None:
            archive = replace(archive, download=f"md5:{hashlib.md5(packed).hexdigest()}")
        small = replace(entry, samples=samples, files=files, archive=archive, urls=urls)
        monkeypatch.setattr(registry, "_read", lambda path: {name: small})
        registry.registry.cache_clear()
        return small

    yield write
    registry.registry.cache_clear()


def _tar_gz(contents) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


@pytest.fixture
def tar_gz():
    """Pack files."""
    return _tar_gz


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server on this machine; gives its folder, its address and what was asked of it."""
    root, asked = tmp_path / "www", []
    root.mkdir()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(root))

        def log_message(self, *_):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        yield root, f"http://127.0.0.1:{web.server_port}", asked
        web.shutdown()
