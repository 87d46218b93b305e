"""Sources: whatever holds a table gives that table, and what does not is named with file, line and cell."""

import gzip
import io
import struct
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from isthmus.data import DataError, check_matrix, read
from isthmus.data.files import IDX_TYPES

X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.5]])


def idx(values, code=0x08):
    head = bytes([0, 0, code, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return head + values.astype(IDX_TYPES[code]).tobytes()


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def saved(save, *args, **kwargs):
    buffer = io.BytesIO()
    save(buffer, *args, **kwargs)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "source",
    [
        X,
        X.astype(np.float16),
        X.astype(">f4"),
        torch.tensor(X),
        torch.tensor(X, dtype=torch.bfloat16, requires_grad=True),
        torch.tensor(X).to_sparse(),
        X.tolist(),
        X.copy(order="F"),
    ],
    ids=lambda s: type(s).__name__,
)
def test_arrays_of_every_kind_give_their_values(source):
    np.testing.assert_array_equal(read(source).values, X)


def test_images_keep_their_axes_and_dtype():
    for shape in ((2, 5, 4), (2, 3, 5, 4)):
        table = read(np.zeros(shape, np.uint8))
        assert table.values.shape == shape and table.values.dtype == np.uint8


def test_sparse_stays_sparse_and_masked_becomes_missing():
    assert sparse.issparse(read(sparse.coo_matrix(X)).values)
    masked = read(np.ma.masked_equal([[1, 2], [3, 4]], 3)).values
    np.testing.assert_array_equal(masked, [[1, 2], [np.nan, 4]])


@pytest.mark.parametrize(
    "source, message",
    [
        (np.arange(3), r"shape \(3,\).*reshape\(-1, 1\).*reshape\(1, -1\)"),
        (np.float64(3), r"shape \(\)"),
        (X.astype(complex), "complex numbers"),
        (np.array([["a", "b"]]), "<U1 values"),
        (np.array([[None, 1]]), "Python objects"),
        ([[1, 2], [3]], "make no array"),
        (3.5, "a float holds no table"),
        (object(), r"what works is an array.*\.csv"),
    ],
)
def test_what_is_no_table_is_refused(source, message):
    with pytest.raises(DataError, match=message):
        read(source)


def test_frames_give_numbers_and_names():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"a": [1, 2], "b": [True, False], "c": pandas.array([7, None], dtype="Int64"), 4: [0.5, np.nan]}
    )
    table = read(frame)
    np.testing.assert_array_equal(table.values, [[1, 1, 7, 0.5], [2, 0, np.nan, np.nan]])
    assert table.columns == ("a", "b", "c", "4")


def test_frames_with_text_dates_or_twins_name_the_column():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(DataError, match="column 'city'.*'Graz' in row 1"):
        read(pandas.DataFrame({"n": [1, 2], "city": [None, "Graz"]}))
    with pytest.raises(DataError, match="column 'when' holds datetime64"):
        read(pandas.DataFrame({"when": pandas.to_datetime(["2024-01-01"])}))
    with pytest.raises(DataError, match="several columns of the frame are named 'a'"):
        read(pandas.DataFrame([[1, 2]], columns=["a", "a"]))


def test_frames_are_known_by_what_they_do_not_by_their_library():
    class Series(list):
        def to_numpy(self):
            return np.array(self)

    class Frame(dict):
        columns = property(list)
        to_numpy = None

    assert read(Frame(a=Series([1, 2]), b=Series([3, 4]))).values.tolist() == [[1, 3], [2, 4]]


def test_npy_is_mapped_and_the_rest_of_the_files_round_trip(tmp_path):
    mapped = read(write(tmp_path, "x.npy", saved(np.save, X))).values
    assert isinstance(mapped, np.memmap) and not mapped.flags.writeable
    np.testing.assert_array_equal(mapped, X)
    np.testing.assert_array_equal(read(write(tmp_path, "x.npz", saved(np.savez_compressed, X))).values, X)


def test_an_archive_of_several_arrays_needs_a_key_and_brings_its_labels(tmp_path):
    y = np.arange(3)
    path = write(tmp_path, "a.npz", saved(np.savez, x_train=X, y_train=y, x_test=X, y_test=y[:2]))
    with pytest.raises(DataError, match=r"x_train, y_train, x_test, y_test; name one, as in a\.npz:x_train"):
        read(path)
    with pytest.raises(DataError, match="has no array 'z'"):
        read(f"{path}:z")
    table = read(f"{path}:x_train")
    np.testing.assert_array_equal(table.labels, y)
    assert table.name == "a"
    assert read(f"{path}:x_test").labels is None  # not one for each row


class Bomb:
    def __reduce__(self):
        return sys.exit, ("pickle was run",)


@pytest.mark.parametrize("name, save", [("x.npy", np.save), ("x.npz", np.savez)])
def test_pickle_is_never_loaded(tmp_path, name, save):
    path = write(tmp_path, name, saved(save, np.array([[Bomb()]], dtype=object)))
    with pytest.raises(DataError, match="Python objects, which are never loaded"):
        read(path)


FILES = {
    "x.npy": saved(np.save, X),
    "x.npz": saved(np.savez_compressed, X),
    "x.idx": idx(X, 0x0E),
    "x-ubyte.gz": gzip.compress(idx(X)),
    "x.csv.gz": gzip.compress(b"a,b\n" + b"1,2\n" * 500),
}


@pytest.mark.parametrize("name", FILES)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(keep=st.floats(0, 0.97))
def test_a_file_cut_short_is_named(tmp_path, name, keep):
    path = write(tmp_path, name, FILES[name][: int(keep * len(FILES[name]))])
    with pytest.raises(DataError, match=path.name.replace(".", r"\.")):
        read(path)


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_byte_gives_a_table_or_a_sentence(tmp_path, name):
    for place in range(min(128, len(FILES[name]))):
        for byte in b"\0\n\"#'(5\xff":
            content = bytearray(FILES[name])
            content[place] = byte
            try:
                assert read(write(tmp_path, name, bytes(content))).values.ndim >= 2
            except DataError as error:
                assert name in str(error)


def test_an_archive_of_nothing(tmp_path):
    with pytest.raises(DataError, match=r"a\.npz holds no array"):
        read(write(tmp_path, "a.npz", saved(np.savez)))


@pytest.mark.parametrize("name", ["x.npz", "x-ubyte.gz", "x.csv.gz"])
def test_a_damaged_checksum_is_noticed(tmp_path, name):
    content = bytearray(FILES[name])
    content[-8 if name.endswith("gz") else 60] ^= 0xFF
    with pytest.raises(DataError, match="damaged"):
        read(write(tmp_path, name, bytes(content)))


@pytest.mark.parametrize("code", IDX_TYPES)
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_idx_of_every_type(tmp_path, code, compress):
    values = np.arange(24).reshape(2, 3, 4)
    table = read(write(tmp_path, "v-ubyte", compress(idx(values, code))))
    np.testing.assert_array_equal(table.values, values)
    assert table.values.dtype.isnative


@pytest.mark.parametrize(
    "content, message",
    [
        (idx(np.zeros((3, 4)))[:-1], "ends early.*12 bytes, but 11 follow"),
        (gzip.compress(idx(np.zeros((3, 4)))[:-2], mtime=0), "ends early.*12 bytes, but 10 follow"),
        (idx(np.zeros((3, 4))) + b"!", "is too long.*12 bytes, but more follow"),
        (idx(np.zeros((3, 4)))[:7], "a header of 12 bytes has 7"),
        (b"\0\0\x08\x02" + b"\xff" * 8, "18,446,744,065,119,617,025 bytes, but 0 follow"),
        (b"\0\0\x07\x01\0\0\0\0", "begins with 00 00 07 01"),
        (b"", "begins with nothing"),
    ],
)
def test_idx_errors_count_bytes(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        read(write(tmp_path, "x.idx", content))


def test_paths_that_lead_nowhere_say_what_is_near(tmp_path):
    write(tmp_path, "sales_2024.csv", "1,2\n")
    with pytest.raises(DataError, match=r"no file .*sales2024\.csv; the folder has sales_2024\.csv"):
        read(tmp_path / "sales2024.csv")
    with pytest.raises(DataError, match="is a folder without.*; what works"):
        read(tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        read(tmp_path / "no" / "x.csv")
    with pytest.raises(DataError, match=r"no ending that is known; .*\.csv.*\.npz.*-ubyte"):
        read(write(tmp_path, "x.xlsx", "?"))


def test_the_name_of_a_data_set_is_recognised(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r'no file mnist; isthmus\.data\.load\("mnist"\)'):
        read("mnist")


@pytest.mark.parametrize(
    "values, message",
    [
        (np.zeros((0, 3)), "no rows"),
        (np.zeros((3, 0)), "no columns"),
        (np.array([[1, 2], [3, -np.inf]]), "row 1, column 'b' .* -inf, infinite"),
        (np.array([[1, 2], [1e39, 4]]), r"row 1, column 'a' .* 1e\+39, too large for float32"),
        (sparse.csr_matrix([[0, 0], [0, np.inf]]), "row 1, column 'b' .* inf, infinite"),
        (X.astype(complex), "complex"),
        (X.astype(object), "Python objects"),
        (X.astype(str), "<U32 values"),
        (X[0], "reshape"),
    ],
)
def test_cells_that_cannot_be_trained_on_are_named(values, message):
    with pytest.raises(DataError, match=message):
        check_matrix(values, columns=("a", "b"))


def test_missing_is_allowed_unless_it_is_not():
    values = np.array([[1.0, 2.0], [np.nan, 4.0]])
    check_matrix(values)
    with pytest.raises(DataError, match="row 1, column 0 .* is missing"):
        check_matrix(values, allow_missing=False)
    images = np.zeros((3, 2, 2), np.float16)
    images[2, 0, 1] = np.inf
    with pytest.raises(DataError, match=r"row 2, element \(0, 1\)"):
        check_matrix(images)


def test_large_matrices_are_checked_in_blocks_and_rows_still_counted_from_the_start(monkeypatch):
    monkeypatch.setattr("isthmus.data.sources.CELLS", 4)
    values = np.zeros((9, 2))
    values[7, 1] = np.inf
    for form in (values, sparse.csr_matrix(values)):
        with pytest.raises(DataError, match="row 7, column 1"):
            check_matrix(form)
