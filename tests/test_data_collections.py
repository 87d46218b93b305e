"""HDF5, folders of images, data sets that hand out items: what was put in comes out, and damage is named."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from isthmus import Embedder
from isthmus.data import DataError, blocks, read
from isthmus.data.blocks import Blocks

X = np.arange(12.0).reshape(4, 3)


def labels(table):
    assert table.labels is not None
    return table.labels.tolist()


# HDF5


@pytest.fixture
def h5(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.H5", "w") as file:
        file["x"], file["y"], file["group/x_test"] = X, np.arange(4), X[:2].astype(np.uint8)
        file.create_dataset(
            "packed", data=np.arange(3000.0).reshape(1000, 3), chunks=(64, 3), compression="gzip"
        )
    return tmp_path / "a.H5"


def test_hdf5_gives_the_array_of_a_key_and_its_labels(h5):
    table = read(f"{h5}:x")
    np.testing.assert_array_equal(table.values, X)
    assert labels(table) == [0, 1, 2, 3] and table.name == "a"
    assert read(f"{h5}:group/x_test").values.dtype == np.uint8
    with pytest.raises(
        DataError, match=r"several arrays: group/x_test, packed, x, y; name one, as in a\.H5:g"
    ):
        read(h5)
    with pytest.raises(DataError, match="has no array 'z'"):
        read(f"{h5}:z")
    h5.write_bytes(h5.read_bytes()[:100])
    with pytest.raises(DataError, match="a.H5 is damaged or no HDF5 file"):
        read(f"{h5}:x")


def test_large_arrays_of_hdf5_are_read_by_whole_chunks(h5, monkeypatch):
    monkeypatch.setattr(blocks, "ALLOWANCE", 8000)
    monkeypatch.setattr(blocks, "BLOCK", 2000)
    values = read(f"{h5}:packed").values
    assert isinstance(values, Blocks) and not (values.starts[1:-1] % 64).any()
    index = np.random.default_rng(0).permutation(1000)
    np.testing.assert_array_equal(values[index], np.arange(3000.0).reshape(1000, 3)[index])
    assert Embedder("vae", dim=2, epochs=1, random_state=0).fit_transform(values).shape == (1000, 2)


# images


def picture(path, array, **options):
    image = pytest.importorskip("PIL.Image")
    path.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(array).save(path, **options)


GREY = np.arange(20, dtype=np.uint8).reshape(4, 5)
COLOUR = np.stack([GREY, GREY + 100, GREY + 200], -1)


def test_images_are_grey_where_all_are_and_subfolders_are_labels(tmp_path):
    picture(tmp_path / "cats" / "b.PNG", GREY)
    picture(
        tmp_path / "cats" / "deep" / "a.png", np.stack([GREY + 1] * 3, -1)
    )  # grey, stored in three channels
    picture(tmp_path / "dogs" / "c.png", np.stack([GREY + 2, np.full_like(GREY, 9)], -1))  # and transparency
    (tmp_path / "cats" / "notes.txt").write_text("no image")
    picture(tmp_path / ".hidden" / "d.png", COLOUR)
    table = read(tmp_path)
    np.testing.assert_array_equal(table.values, [GREY, GREY + 1, GREY + 2])
    assert labels(table) == ["cats", "cats", "dogs"] and table.values.dtype == np.uint8
    picture(tmp_path / "e.png", COLOUR)
    table = read(tmp_path)
    assert table.values.shape == (4, 3, 4, 5) and table.labels is None
    np.testing.assert_array_equal(table.values[3], np.moveaxis(COLOUR, -1, 0))
    np.testing.assert_array_equal(table.values[0], [GREY] * 3)


def test_sizes_that_differ_are_listed_with_what_to_do(tmp_path):
    picture(tmp_path / "a.png", GREY)
    picture(tmp_path / "b.png", GREY)
    picture(tmp_path / "c.png", np.full((30, 90), 7, np.uint8))
    with pytest.raises(DataError, match=r"2 sizes.*4 x 5 \(2\), 30 x 90 \(1\).*size=4 .*--size 4"):
        read(tmp_path)
    assert read(tmp_path, size=8).values.shape == (3, 8, 8)
    small = read(tmp_path, size=(6, 9)).values
    assert small.shape == (3, 6, 9) and (small[2] == 7).all()


def test_a_picture_is_cut_around_its_centre_and_turned_as_its_camera_says(tmp_path):
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 200
    picture(tmp_path / "a.png", wide)
    assert (read(tmp_path, size=10).values == 200).all()
    image = pytest.importorskip("PIL.Image")
    exif = image.Exif()
    exif[0x0112] = 6  # the camera was turned
    (tmp_path / "a.png").unlink()
    picture(tmp_path / "a.png", GREY, exif=exif)
    np.testing.assert_array_equal(read(tmp_path).values[0], np.rot90(GREY, -1))


def test_a_corrupt_image_is_named(tmp_path):
    picture(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8))
    whole = (tmp_path / "a.png").read_bytes()
    for content in (whole[:700], b"no image", b""):
        (tmp_path / "b.png").write_bytes(content)
        with pytest.raises(DataError, match=r"b\.png is damaged or no image"):
            read(tmp_path)
    (tmp_path / "a.png").unlink()
    (tmp_path / "b.png").unlink()
    with pytest.raises(DataError, match="a folder without Parquet files or images"):
        read(tmp_path)


# items


class Squares(Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):  # never raises IndexError
        return X[i] ** 2


class Stream(IterableDataset):
    def __iter__(self):
        return iter(X)


def test_torch_data_sets_and_loaders_give_rows_and_labels():
    x, y = torch.tensor(X), torch.tensor([3, 1, 0, 2])
    np.testing.assert_array_equal(read(Squares()).values, X**2)
    np.testing.assert_array_equal(read(Stream()).values, X)
    np.testing.assert_array_equal(read(TensorDataset(x)).values, X)
    for source in (TensorDataset(x, y), DataLoader(TensorDataset(x, y), batch_size=3)):
        table = read(source)
        np.testing.assert_array_equal(table.values, X)
        assert labels(table) == [3, 1, 0, 2]
    images = read(TensorDataset(torch.zeros(4, 3, 8, 8), y)).values
    assert images.shape == (4, 3, 8, 8)


@pytest.mark.parametrize(
    "source",
    [lambda: iter(X), lambda: (X[i : i + 3] for i in (0, 3)), lambda: map(list, X), lambda: [*map(tuple, X)]],
)
def test_iterables_give_rows_or_batches(source):
    np.testing.assert_array_equal(read(source()).values, X)


def test_iterables_of_records_give_rows_and_labels():
    table = read({"a": a, "label": i, "b": b} for i, (a, b, _) in enumerate(X))
    np.testing.assert_array_equal(table.values, X[:, :2])
    assert labels(table) == [0, 1, 2, 3]
    table = read({"image": np.full((2, 3), a), "target": a} for a in range(5))
    assert table.values.shape == (5, 2, 3) and labels(table) == [*range(5)]
    table = read({"x": X[i : i + 2], "label": [i, i + 1]} for i in (0, 2))
    np.testing.assert_array_equal(table.values, X)
    assert labels(table) == [0, 1, 2, 3]


def test_iterables_of_pairs_give_labels():
    table = read((row, f"class {i}") for i, row in enumerate(X))
    assert labels(table) == [f"class {i}" for i in range(4)]
    np.testing.assert_array_equal(table.values, X)


@pytest.mark.parametrize(
    "source, message",
    [
        (iter([]), "gave no items"),
        (iter([X[0], X[1][:2]]), r"item 1 has shape \(2,\) and those before it \(3,\)"),
        (iter(["oak"]), "item 0 is 'oak'"),
        (iter([{"a": "oak"}]), "item 0 is 'list'"),
        (iter([{"a": [1], "b": [2]}]), "item 0 is 'dict'"),
        (iter([[1, "x"]]), "item 0 is 'list'"),
        ({"a": 1}, "a dict holds no table"),
    ],
)
def test_items_that_are_no_rows_are_named(source, message):
    with pytest.raises(DataError, match=message):
        read(source)


class Hub:
    """What a `datasets.Dataset` does."""

    def __init__(self, columns, classes=None):
        self.columns_ = columns
        self.column_names = list(columns)
        label = type("ClassLabel", (), {"names": classes})() if classes else None
        self.features = {name: label if name == "kind" else None for name in columns}

    def __len__(self):
        return len(next(iter(self.columns_.values())))

    def __getitem__(self, which):
        if isinstance(which, str):
            return self.columns_[which]
        return {name: column[which] for name, column in self.columns_.items()}

    def to_pandas(self):
        return pytest.importorskip("pandas").DataFrame(self.columns_)


def test_hugging_face_data_sets_by_what_they_do():
    table = read(Hub({"a": [1, 2], "b": [0.5, None], "kind": [1, 0]}, classes=["oak", "ash"]))
    np.testing.assert_array_equal(table.values, [[1, 0.5], [2, np.nan]])
    assert table.columns == ("a", "b") and labels(table) == [1, 0]
    image = pytest.importorskip("PIL.Image")
    table = read(Hub({"image": [image.fromarray(COLOUR)] * 2, "label": [4, 5]}))
    np.testing.assert_array_equal(table.values, [np.moveaxis(COLOUR, -1, 0)] * 2)
    assert labels(table) == [4, 5]
    with pytest.raises(DataError, match="columns u, v hold arrays; give one"):
        read(Hub({"u": [[1, 2]], "v": [[3, 4]]}))
    parts = type("DatasetDict", (dict,), {"column_names": {}})(train=1, test=2)
    with pytest.raises(DataError, match=r"parts 'train', 'test'; give one of them, as in data\['train'\]"):
        read(parts)


def test_an_estimator_learns_the_same_from_what_hands_out_rows():
    rng = np.random.default_rng(0)
    x, kinds = rng.normal(size=(60, 3)).astype(np.float32), rng.integers(2, size=60)
    columns = {name: x[:, at].tolist() for at, name in enumerate("abc")}
    handed_out = [
        lambda: (x[i : i + 20] for i in (0, 20, 40)),
        lambda: map(list, x),
        lambda: TensorDataset(torch.from_numpy(x), torch.from_numpy(kinds)),
        lambda: Hub({"x": x.tolist(), "label": kinds.tolist()}),
    ]
    embedder = Embedder("vae", dim=2, epochs=2, random_state=0)
    codes = embedder.fit(x).transform(x)
    scores, rebuilt = embedder.score_samples(x), embedder.reconstruct(x)
    for source in handed_out:
        embedder = Embedder("vae", dim=2, epochs=2, random_state=0).fit(source())
        np.testing.assert_array_equal(embedder.transform(source()), codes)
        np.testing.assert_array_equal(embedder.fit_transform(source()), codes)
        np.testing.assert_array_equal(embedder.score_samples(source()), scores)
        np.testing.assert_array_equal(embedder.reconstruct(source()), rebuilt)
        np.testing.assert_array_equal(embedder.impute(source()), x)
    named = Embedder("vae", dim=2, epochs=2, random_state=0)
    mixed = Hub({**columns, "kind": ["oak" if kind else "ash" for kind in kinds]})
    assert set(named.fit(mixed).sample(20)["kind"]) <= {"oak", "ash"}
    assert list(named.reconstruct(mixed).columns) == ["a", "b", "c", "kind"]


def test_frames_of_polars_and_arrow_are_read_as_those_of_pandas():
    pyarrow = pytest.importorskip("pyarrow")
    polars = pytest.importorskip("polars")
    for frame in (
        pyarrow.table({"a": [1, 2], "b": [0.5, None]}),
        polars.DataFrame({"a": [1, 2], "b": [0.5, None]}),
    ):
        table = read(frame)
        np.testing.assert_array_equal(table.values, [[1, 0.5], [2, np.nan]])
        assert table.columns == ("a", "b")


@pytest.mark.parametrize("extra, module, name", [("hdf5", "h5py", "a.h5"), ("images", "PIL", "")])
def test_a_missing_extra_is_named(tmp_path, monkeypatch, extra, module, name):
    (tmp_path / (name or "a.png")).write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(DataError, match=rf"pip install 'isthmus\[{extra}\]'"):
        read(tmp_path / name)
