"""The catalogue: what it promises of each set, where files are looked for, and that downloads are checked."""

import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from isthmus.data import DataError, available, load, names
from isthmus.data.catalogue import CATALOGUE
from isthmus.data.fetch import fetch
from isthmus.data.sprites import RADII, dsprites, sprites
from isthmus.data.sprites import SIZES as GRID

GOOD = b"isthmus " * 100_000
SHA256 = hashlib.sha256(GOOD).hexdigest()
SIZES = {
    "digits": (1438, 359, 64),
    "iris": (120, 30, 4),
    "wine": (142, 36, 13),
    "breast_cancer": (455, 114, 30),
    "sprites": (19_661, 4915, 256),
    "mnist": (60_000, 10_000, 784),
    "fashion_mnist": (60_000, 10_000, 784),
    "usps": (7291, 2007, 256),
    "freyface": (1572, 393, 560),
}


def data_or_skip(name):
    if available(name).kind not in ("bundled", "folder", "cache"):
        pytest.skip(f"{name} is not here: set ISTHMUS_DATA to a folder that holds it")
    return load(name)


@pytest.mark.parametrize("name", names())
def test_every_set_is_what_its_entry_says(name):
    data = data_or_skip(name)
    assert (len(data.train.x), len(data.test.x), data.train.x.shape[1]) == SIZES[name]
    for part in (data.train, data.test):
        assert part.x.dtype == np.float32 and np.isfinite(part.x).all()
        if part.y is not None:
            assert part.y.dtype == np.int64 and part.y.shape == part.x.shape[:1]
    if data.shape is not None:
        assert np.prod(data.shape) == data.train.x.shape[1]
    if data.scale.startswith("[0, 1]"):
        assert data.train.x.min() >= 0 and 0.9 < data.train.x.max() <= 1
    if data.columns is not None:
        assert len(data.columns) == data.train.x.shape[1]
    assert data.source and data.licence and data.citation


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer"])
def test_bundled_splits_hold_out_a_fifth_of_each_class_and_never_change(name):
    data = load(name)
    assert data.train.y is not None and data.test.y is not None
    train, test = np.bincount(data.train.y), np.bincount(data.test.y)
    assert (np.abs(test - 0.2 * (train + test)) < 1).all()
    np.testing.assert_array_equal(load(name, "test").x, data.test.x)
    together = {row.tobytes() for row in data.train.x} & {row.tobytes() for row in data.test.x}
    assert len(together) <= (1 if name == "iris" else 0)  # iris holds one flower twice


@pytest.mark.parametrize(
    "name, counts",
    [
        ("mnist", [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]),
        ("fashion_mnist", [6000] * 10),
        ("usps", [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644]),
    ],
)
def test_canonical_splits_have_their_known_class_counts(name, counts):
    y = data_or_skip(name).train.y
    assert y is not None and np.bincount(y).tolist() == counts


def test_the_last_frames_of_freyface_are_held_out():
    data = data_or_skip("freyface")
    steps = np.linalg.norm(np.diff(np.concatenate([data.train.x, data.test.x]), axis=0), axis=1)
    shuffled = np.linalg.norm(data.train.x[:-400] - data.train.x[400:], axis=1)
    assert np.median(steps) < 0.6 * np.median(shuffled)  # still a video: neighbours are alike


def test_who_has_dsprites_can_read_them(tmp_path):
    grid = np.stack(np.unravel_index(np.arange(72), (1, 3, 2, 3, 2, 2)), 1)
    pictures = (np.random.default_rng(0).random((72, 8, 8)) < 0.5).astype(np.uint8)
    file = tmp_path / "dsprites_ndarray.npz"
    np.savez_compressed(file, imgs=pictures, latents_classes=grid, latents_values=grid / 2.0)
    x, factors = dsprites(file)
    np.testing.assert_array_equal(x, pictures.reshape(72, 64))
    np.testing.assert_array_equal(factors, grid[:, 1:])  # without the colour
    assert x.dtype == np.float32 and factors.dtype == np.int64
    some, again, others = dsprites(file, 10), dsprites(file, 10), dsprites(file, 10, seed=1)
    np.testing.assert_array_equal(some.factors, again.factors)
    assert not np.array_equal(some.factors, others.factors)
    place = np.ravel_multi_index(tuple(some.factors.T), (3, 2, 3, 2, 2))
    np.testing.assert_array_equal(some.x, x[place])  # each with its own causes
    np.savez(tmp_path / "other.npz", imgs=pictures)
    np.savez(tmp_path / "apart.npz", imgs=pictures, latents_classes=grid[:5])
    np.save(tmp_path / "plain.npy", pictures)
    for name in ("none.npz", "other.npz", "apart.npz", "plain.npy"):
        with pytest.raises(DataError, match=f"{name} is not"):
            dsprites(tmp_path / name)
    with pytest.raises(DataError, match="72 pictures"):
        dsprites(file, 73)


def test_sprites_are_all_combinations_and_every_factor_can_be_read_off():
    x, factors = sprites()
    assert len(x) == 24_576 == len(np.unique(factors, axis=0)) and (factors.max(0) + 1 == GRID).all()
    assert len({row.tobytes() for row in x}) == len(x)  # no two pictures are the same
    assert len({row[:128].tobytes() for row in x}) < len(x)  # the control: their upper halves
    pictures = x.reshape(-1, 16, 16).astype(float)
    mass = pictures.sum((1, 2))
    np.testing.assert_array_equal(np.ptp(mass.reshape(-1, 256), axis=1), 0)  # nowhere is a shape cut off
    at = np.arange(16)
    across, down = (pictures.sum(1) @ at) / mass, (pictures.sum(2) @ at) / mass
    for place, axis in ((across, 3), (down, 4)):
        middles = [place[factors[:, axis] == step].mean() for step in range(16)]
        np.testing.assert_allclose(np.diff(middles), 0.5, atol=0.005)  # and they move as they say
        assert middles[0] + middles[-1] == pytest.approx(15, abs=0.1)
    areas = [mass[(factors[:, 0] == 0) & (factors[:, 1] == scale)].mean() for scale in range(4)]
    np.testing.assert_allclose(areas, 2 * np.square(RADII), rtol=0.05)  # squares, of that diagonal
    for part in (load("sprites", "train"), load("sprites", "test")):
        assert part.factors is not None and part.y is not None and (part.factors[:, 0] == part.y).all()
        row = np.ravel_multi_index(part.factors[7], GRID)
        np.testing.assert_array_equal(part.x[7], x[row])


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(DataError, match="'mnits'; did you mean mnist"):
        load("mnits")
    with pytest.raises(DataError, match="There are digits, iris"):
        available("xyzzy")
    with pytest.raises(DataError, match="train and test, not 'valid'"):
        load("iris", "valid")  # type: ignore[call-overload]


def test_where_a_set_would_come_from(monkeypatch, tmp_path):
    monkeypatch.delenv("ISTHMUS_DATA", raising=False)
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path / "cache"))
    assert available("iris").kind == "bundled"
    assert available("mnist") == ("download", CATALOGUE["mnist"].address)
    assert available("usps").kind == "missing"
    with pytest.raises(DataError, match="put usps/usps.npz into a folder that ISTHMUS_DATA names"):
        load("usps")
    for place, kind in (("cache", "cache"), ("data", "folder")):  # the folder is used first
        (tmp_path / place / "usps").mkdir(parents=True)
        (tmp_path / place / "usps" / "usps.npz").write_bytes(b"PK")
        monkeypatch.setenv("ISTHMUS_DATA", str(tmp_path / "data"))
        assert available("usps") == (kind, str(tmp_path / place / "usps"))
    with pytest.raises(DataError, match=r"usps\.npz \(2 bytes\) is damaged"):
        load("usps")


class Reply(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/gone":
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(GOOD)))
        self.end_headers()
        self.wfile.write(GOOD[:1000] if self.path == "/short" else GOOD)

    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Reply) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def test_a_good_download_is_stored_whole(server, tmp_path):
    target = fetch(f"{server}/file", SHA256, tmp_path / "sub" / "file")
    assert target.read_bytes() == GOOD and os.listdir(target.parent) == ["file"]


@pytest.mark.parametrize(
    "page, sha256, message",
    [
        ("file", "0" * 64, f"not the known file: SHA-256 {SHA256} instead of 000"),
        ("short", SHA256, "broke off after 1,000 of 800,000 bytes"),
        ("gone", SHA256, "could not be fetched .*404"),
    ],
)
def test_a_bad_download_leaves_nothing_behind(server, tmp_path, page, sha256, message):
    with pytest.raises(DataError, match=message):
        fetch(f"{server}/{page}", sha256, tmp_path / "file")
    assert os.listdir(tmp_path) == []


def test_a_bad_download_keeps_what_was_there(server, tmp_path):
    (tmp_path / "file").write_bytes(b"before")
    with pytest.raises(DataError):
        fetch(f"{server}/short", SHA256, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"before"


def test_an_interrupted_download_leaves_nothing_behind(server, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fetch(f"{server}/file", SHA256, tmp_path / "file")
    assert os.listdir(tmp_path) == []


def test_load_downloads_once_and_then_uses_the_cache(server, tmp_path, monkeypatch):
    monkeypatch.delenv("ISTHMUS_DATA", raising=False)
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))

    def make(find):
        assert find("file").read_bytes() == GOOD
        return CATALOGUE["iris"].make(find)

    entry = CATALOGUE["usps"]._replace(
        make=make,
        files={"file": SHA256},
        address=f"{server}/",
    )
    monkeypatch.setitem(CATALOGUE, "small", entry)
    assert available("small") == ("download", f"{server}/")
    load("small")
    assert available("small") == ("cache", str(tmp_path / "small"))
    monkeypatch.setitem(CATALOGUE, "small", entry._replace(address="http://127.0.0.1:1/"))
    load("small")


def test_without_a_network_the_error_says_where_to_put_the_file(tmp_path, monkeypatch):
    monkeypatch.delenv("ISTHMUS_DATA", raising=False)
    monkeypatch.setenv("ISTHMUS_CACHE", str(tmp_path))
    offline = CATALOGUE["mnist"]._replace(address="http://127.0.0.1:1/")
    monkeypatch.setitem(CATALOGUE, "mnist", offline)
    with pytest.raises(DataError, match="could not be fetched .*put mnist/train-.* in ISTHMUS_DATA"):
        load("mnist")
