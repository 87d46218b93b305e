"""The entries of the catalogue: to add a data set, say how to read its files and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from .files import read_idx, read_npz
from .splits import split
from .sprites import sprites

HELD_OUT = 0.2
Find = Callable[[str], Path]


class Part(NamedTuple):
    """Rows `x` (n, features), float32, and their labels `y` (n,), int64, or None where there are none.

    `factors` (n, k), int64, are the causes of each row, where the data were made from known ones.
    """

    x: np.ndarray
    y: np.ndarray | None
    factors: np.ndarray | None = None


class Contents(NamedTuple):
    train: Part
    test: Part
    columns: tuple[str, ...] | None = None


class Entry(NamedTuple):
    """All that the catalogue knows of one data set; `files` maps names to SHA-256, in hexadecimal."""

    make: Callable[[Find], Contents]
    scale: str
    source: str
    licence: str
    citation: str
    shape: tuple[int, ...] | None = None
    files: Mapping[str, str] = MappingProxyType({})
    address: str | None = None
    bundled: str = "comes with scikit-learn"


def _bundled(loader: str) -> Callable[[Find], Contents]:
    def make(find: Find) -> Contents:
        from sklearn import datasets  # takes most of a second, and only these four need it

        table = getattr(datasets, loader)()
        x, y = table.data.astype(np.float32), table.target.astype(np.int64)
        train, test, _ = split(x, HELD_OUT, seed=0, stratify=y)
        return Contents(
            Part(x[train], y[train]), Part(x[test], y[test]), tuple(map(str, table.feature_names))
        )

    return make


def _mnist(find: Find) -> Contents:
    def part(prefix: str) -> Part:
        labels = read_idx(find(f"{prefix}-labels-idx1-ubyte.gz")).astype(np.int64)
        return Part(_pixels(read_idx(find(f"{prefix}-images-idx3-ubyte.gz"))), labels)

    return Contents(part("train"), part("t10k"))


def _usps(find: Find) -> Contents:
    def part(key: str) -> Part:
        x, y = read_npz(find("usps.npz"), key)
        return Part(x.astype(np.float32), None if y is None else y.astype(np.int64))

    return Contents(part("x_train"), part("x_test"))


def _freyface(find: Find) -> Contents:
    x = _pixels(read_npz(find("freyface.npz"), "images")[0])
    train, test, _ = split(x, HELD_OUT, order=range(len(x)))  # neighbouring frames would leak
    return Contents(Part(x[train], None), Part(x[test], None))


def _sprites(find: Find) -> Contents:
    x, factors = sprites()
    train, test, _ = split(x, HELD_OUT, seed=0, stratify=factors[:, 0])

    def part(rows: np.ndarray) -> Part:
        return Part(x[rows], factors[rows, 0], factors[rows])

    return Contents(part(train), part(test))


def _pixels(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).astype(np.float32) / 255


BYTES = "[0, 1]: the stored bytes, 0 to 255, divided by 255"
MNIST_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)

CATALOGUE: Mapping[str, Entry] = {
    "digits": Entry(
        make=_bundled("load_digits"),
        shape=(1, 8, 8),
        scale="whole numbers from 0 to 16: inked pixels in a block of 4 x 4",
        source="https://archive.ics.uci.edu/dataset/80 (its test part), by way of scikit-learn",
        licence="CC BY 4.0",
        citation="E. Alpaydin and C. Kaynak 1998, Optical Recognition of Handwritten Digits, UCI repository",
    ),
    "iris": Entry(
        make=_bundled("load_iris"),
        scale="centimetres",
        source="https://archive.ics.uci.edu/dataset/53, by way of scikit-learn",
        licence="CC BY 4.0",
        citation="R. A. Fisher 1936, The use of multiple measurements in taxonomic problems, "
        "Annals of Eugenics 7",
    ),
    "wine": Entry(
        make=_bundled("load_wine"),
        scale="thirteen measurements, each in its own unit",
        source="https://archive.ics.uci.edu/dataset/109, by way of scikit-learn",
        licence="CC BY 4.0",
        citation="S. Aeberhard and M. Forina 1992, Wine, UCI repository",
    ),
    "breast_cancer": Entry(
        make=_bundled("load_breast_cancer"),
        scale="thirty measurements, each in its own unit",
        source="https://archive.ics.uci.edu/dataset/17, by way of scikit-learn",
        licence="CC BY 4.0",
        citation="W. N. Street, W. H. Wolberg and O. L. Mangasarian 1993, Nuclear feature extraction for "
        "breast tumor diagnosis, SPIE 1905",
    ),
    "sprites": Entry(
        make=_sprites,
        shape=(1, 16, 16),
        scale="[0, 1]: the share of a pixel that the shape covers",
        source="drawn by isthmus: every shape, scale, rotation, x and y, by isthmus.data.sprites",
        licence="Apache-2.0, as isthmus",
        citation="isthmus, after L. Matthey, I. Higgins, D. Hassabis and A. Lerchner 2017, dSprites, "
        "https://github.com/google-deepmind/dsprites-dataset",
        bundled="drawn when asked for, in seconds",
    ),
    "mnist": Entry(
        make=_mnist,
        shape=(1, 28, 28),
        scale=BYTES,
        # The mirror that PyTorch keeps; the original address often refuses programs.
        address="https://ossci-datasets.s3.amazonaws.com/mnist/",
        files=dict(
            zip(
                MNIST_FILES,
                (
                    "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                    "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                    "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                    "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                ),
            )
        ),
        source="Y. LeCun, C. Cortes and C. J. C. Burges, http://yann.lecun.com/exdb/mnist/",
        licence="usually given as CC BY-SA 3.0",
        citation="Y. LeCun, L. Bottou, Y. Bengio and P. Haffner 1998, Gradient-based learning applied to "
        "document recognition, Proceedings of the IEEE 86",
    ),
    "fashion_mnist": Entry(
        make=_mnist,
        shape=(1, 28, 28),
        scale=BYTES,
        # As its authors give it, without TLS: the checksum is what makes it safe.
        address="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        files=dict(
            zip(
                MNIST_FILES,
                (
                    "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                    "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                    "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                    "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                ),
            )
        ),
        source="Zalando Research, https://github.com/zalandoresearch/fashion-mnist",
        licence="MIT",
        citation="H. Xiao, K. Rasul and R. Vollgraf 2017, Fashion-MNIST: a novel image dataset for "
        "benchmarking machine learning algorithms, arXiv:1708.07747",
    ),
    "usps": Entry(
        make=_usps,
        shape=(1, 16, 16),
        scale="[0, 1]: grey values of the common split, which are given from -1 to 1, as (v + 1) / 2",
        files={"usps.npz": "635315ea080c19adb1e6f0811ee540c2da4745623c45ed49bd5db8dd9192a7ed"},
        source="US Postal Service, in the split of The Elements of Statistical Learning (7,291 and 2,007)",
        licence="none stated",
        citation="J. J. Hull 1994, A database for handwritten text recognition research, IEEE Transactions "
        "on Pattern Analysis and Machine Intelligence 16",
    ),
    "freyface": Entry(
        make=_freyface,
        shape=(1, 28, 20),
        scale=BYTES,
        files={"freyface.npz": "3c70375e0a9c4751ad49ad5f1f692bd094c46f133cf4aa8ea77d1cb14e1efcd1"},
        source="B. Frey and S. Roweis: 1,965 consecutive frames of a video",
        licence="none stated",
        citation="S. T. Roweis and L. K. Saul 2000, Nonlinear dimensionality reduction by locally linear "
        "embedding, Science 290",
    ),
}
