"""Infinite-width kernels: golden values, precisions, orders of memory, what is refused."""

from typing import Any

import numpy as np
import pytest

import overparam as op
from conftest import network


def relative(found: Any, expected: Any) -> float:
    expected = np.asarray(expected)
    scale = np.where(expected == 0.0, 1.0, np.abs(expected))
    return float((np.abs(found - expected) / scale).max())


def test_ten_architectures_to_forty_digits(golden: Any) -> None:
    for case in golden["kernels"]:
        data = golden["inputs"][case["input"]]
        x1, x2 = np.array(data["x1"]["data"]), np.array(data["x2"]["data"])
        net = network(case["layers"])
        own, cross = net.kernel(x1, kind=("nngp", "ntk")), net.kernel(x1, x2, kind=("nngp", "ntk"))
        for name, found in [("nngp_11", own.nngp), ("ntk_11", own.ntk), ("nngp_12", cross.nngp), ("ntk_12", cross.ntk)]:
            assert relative(found, case["mp40"][name]) < 1e-12, (case["id"], name)


def test_duplicate_antipodal_close_and_zero_rows(golden: Any) -> None:
    x = np.array(golden["edge"]["x"])
    for case in golden["edge"]["cases"]:
        found = network(case["layers"]).kernel(x, kind=("nngp", "ntk"))
        for name in ("nngp", "ntk"):
            assert relative(getattr(found, name), case["mp40"][name]) < 1e-12, (case["id"], name)


def data(*shape: int) -> Any:
    return np.random.default_rng(0).standard_normal(shape)


@pytest.fixture
def cnn() -> op.Architecture:
    return op.serial(op.Conv(8, (3, 3), padding="same"), op.Relu(), op.GlobalAvgPool(), op.Dense(1))


def test_the_dtype_is_the_precision(mlp: op.Architecture) -> None:
    x = data(7, 5)
    double = mlp.kernel(x)
    single = mlp.kernel(x.astype(np.float32))
    assert double.dtype == np.float64 and single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=1e-5)
    assert mlp.kernel(x.astype(np.float32), x).dtype == np.float64
    integers = np.arange(15).reshape(5, 3)
    for kind in (np.int8, np.uint64, np.int32, bool):
        whole = integers.astype(kind)
        assert mlp.kernel(whole).dtype == np.float64
        assert np.array_equal(mlp.kernel(whole), mlp.kernel(whole.astype(float)))
    assert np.array_equal(mlp.kernel(x.astype(">f8")), double)
    assert np.array_equal(mlp.kernel(x.tolist()), double)


@pytest.mark.parametrize("kind", [np.float16, np.longdouble, np.complex128, object, "U3"])
def test_other_dtypes_are_refused(mlp: op.Architecture, kind: Any) -> None:
    with pytest.raises(TypeError, match="x1: dtype .*: expected float32, float64 or integers"):
        mlp.kernel(np.ones((2, 3)).astype(kind))


@pytest.mark.parametrize("shape", [(9, 4), (200, 7), (3, 6, 2), (4, 5, 5, 3)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_bits_do_not_depend_on_the_order_of_memory(
    mlp: op.Architecture, cnn: op.Architecture, shape: tuple[int, ...], kind: Any
) -> None:
    net = mlp if len(shape) == 2 else cnn
    x = data(*shape).astype(kind)
    expected, other = net.kernel(x), net.kernel(x, x[: len(x) // 2] + 1)
    wide = np.zeros((2 * shape[0], *(2 * n for n in shape[1:])), kind)
    strided = wide[tuple(slice(None, None, 2) for _ in shape)]
    strided[...] = x
    backwards = np.ascontiguousarray(x[::-1])[::-1]
    read_only = x.copy()
    read_only.flags.writeable = False
    offset = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(kind).reshape(shape)
    assert not offset.flags.aligned
    for view in [np.asfortranarray(x), strided, backwards, read_only, offset, np.moveaxis(np.moveaxis(x, 0, -1).copy(), -1, 0)]:
        assert np.array_equal(net.kernel(view), expected)
        assert np.array_equal(net.kernel(view, view[: len(x) // 2] + 1), other)
    assert np.array_equal(read_only, x)


def test_results_are_in_c_order_writeable_and_symmetric(mlp: op.Architecture) -> None:
    x = data(300, 5)
    own, cross = mlp.kernel(x), mlp.kernel(x[:20], x)
    for found in (own, cross):
        assert found.flags.c_contiguous and found.flags.writeable
    assert np.array_equal(own, own.T)
    assert np.array_equal(cross, own[:20])
    assert np.array_equal(mlp.kernel(x, x[:20]), own[:, :20])


def test_kinds(mlp: op.Architecture) -> None:
    x = data(5, 3)
    both = mlp.kernel(x, kind=("nngp", "ntk"))
    assert np.array_equal(both.nngp, mlp.kernel(x, kind="nngp"))
    assert np.array_equal(both.ntk, mlp.kernel(x, kind="ntk"))
    assert np.array_equal(both.ntk, mlp.kernel(x))
    for kind in ["nnpg", (), ("ntk", "ntk"), ("nngp", "ntk", "ntk")]:
        with pytest.raises(ValueError, match="kind = "):
            mlp.kernel(x, kind=kind)


def test_dropout_meets_itself_without_x2() -> None:
    net = op.serial(op.Dense(8), op.Relu(), op.Dropout(0.5), op.Dense(1))
    x = data(4, 3)
    own, cross = net.kernel(x), net.kernel(x, x)
    off = ~np.eye(4, dtype=bool)
    assert np.allclose(own[off], cross[off]) and (np.diag(own) > np.diag(cross)).all()


def test_inputs_are_broadcast_views_too(mlp: op.Architecture) -> None:
    x = np.broadcast_to(data(1, 3), (4, 3))
    assert np.array_equal(mlp.kernel(x), mlp.kernel(x.copy()))


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (np.ones(3), r"x1: expected n x d .* got shape \(3,\)"),
        (np.float64(1.0), r"x1: expected n x d"),
        (np.ones((2, 2, 2, 2, 2)), r"x1: expected n x d"),
        (np.ones((0, 3)), r"x1: the batch is empty: its shape is \(0, 3\)"),
        (np.ones((3, 0)), r"x1: the inputs have no entries"),
        ([[1.0, np.nan]], "x1: input 0, entry 1 is NaN"),
        ([[1.0, 2.0], [np.inf, 1.0]], "x1: input 1, entry 0 is inf"),
        ([[1e200, 1.0]], "x1: the squared norm of input 0 overflows f64: scale the inputs down"),
        (np.array([[1e30, 1.0]], np.float32), "x1: the squared norm of input 0 overflows f32"),
        (np.ma.masked_array([[1.0, 2.0]], [[True, False]]), "x1: some entries are masked"),
        ([[1.0, 2.0], [3.0]], "x1: expected an array of numbers"),
    ],
)
def test_wrong_inputs_are_value_errors(mlp: op.Architecture, x: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        mlp.kernel(x)


def test_errors_name_the_argument(mlp: op.Architecture) -> None:
    x = np.ones((2, 3))
    bad = np.array([[1.0, 2.0, np.nan]])
    with pytest.raises(ValueError, match="^x2: input 0, entry 2 is NaN"):
        mlp.kernel(x, bad)
    with pytest.raises(ValueError, match="^x1: input 0, entry 2 is NaN"):
        mlp.kernel(bad, x)
    with pytest.raises(ValueError, match=r"^x2: expected inputs of shape \(3,\) as in x1, got \(4,\)"):
        mlp.kernel(x, np.ones((2, 4)))
    grows = op.serial(op.Dense(1, w_std=1e160), op.Relu(), op.Dense(1))
    with pytest.raises(ValueError, match="^x2: a variance of input 0 grows beyond"):
        grows.kernel(np.full((1, 1), 1e-10), np.ones((1, 1)))


def test_what_has_no_limit_says_so() -> None:
    net = op.serial(op.Conv(8, (2, 2)), op.MaxPool((2, 2)), op.Flatten(), op.Dense(1))
    with pytest.raises(ValueError, match="max_pool.* has no infinite-width kernel"):
        net.kernel(np.ones((2, 4, 4, 1)))
    with pytest.raises(ValueError, match="there are no layers"):
        op.serial().kernel(np.ones((2, 3)))


def test_a_kernel_that_cannot_fit_is_a_memory_error(mlp: op.Architecture) -> None:
    x = np.broadcast_to(np.ones((1, 1)), (2_000_000, 1))
    with pytest.raises(MemoryError, match="2000000 x 2000000"):
        mlp.kernel(x)
