"""What neural-tangents does outside ``stax``, under its names: predictions, batches, kernels of finite networks, linearization.

>>> import numpy as np
>>> from overparam import nt, stax
>>> init_fn, apply_fn, kernel_fn = stax.serial(stax.Dense(512), stax.Relu(), stax.Dense(1))
>>> x, y = np.eye(3), np.array([[1.0], [0.0], [-1.0]])
>>> predict_fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x, y)
>>> bool(np.allclose(predict_fn(x_test=x, get="ntk"), y))
True

The functions of finite networks take an ``apply_fn`` of :mod:`overparam.stax`; they do not differentiate functions of your own, for which
neural-tangents has JAX. Names and defaults are those of version 0.6.6.
"""

from __future__ import annotations

import enum
import operator
from typing import TYPE_CHECKING, Any, Callable, Iterable, Iterator, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from . import _nt_predict as predict
from . import stax
from ._architecture import Architecture
from ._architecture import Kernels as Kernel
from ._arrays import Array
from ._stax_layer import ApplyFn, Get, InitFn, kinds_of, picked, seed_of

__all__ = [
    "Kernel",
    "NtkImplementation",
    "batch",
    "empirical_kernel_fn",
    "empirical_nngp_fn",
    "empirical_ntk_fn",
    "linearize",
    "monte_carlo_kernel_fn",
    "predict",
    "stax",
    "taylor_expand",
]

Axes = Union[int, Sequence[int]]


class NtkImplementation(enum.IntEnum):
    """How neural-tangents computes the tangent kernel of a finite network. Here the cheapest way is always taken.

    >>> from overparam import nt
    >>> int(nt.NtkImplementation.STRUCTURED_DERIVATIVES)
    3
    """

    AUTO = 0
    JACOBIAN_CONTRACTION = 1
    NTK_VECTOR_PRODUCTS = 2
    STRUCTURED_DERIVATIVES = 3


def batch(
    kernel_fn: Callable[..., Any], batch_size: int = 0, device_count: int = -1, store_on_device: bool = True
) -> Callable[..., Any]:
    """The same function: kernels are always computed in tiles, on all cores, and the arguments change nothing.

    >>> from overparam import nt, stax
    >>> _, _, kernel_fn = stax.serial(stax.Dense(1))
    >>> nt.batch(kernel_fn, batch_size=5) is kernel_fn
    True
    """
    if not callable(kernel_fn):
        raise TypeError(f"kernel_fn: expected a function, got {kernel_fn!r}.")
    return kernel_fn


def monte_carlo_kernel_fn(
    init_fn: Callable[..., Any],
    apply_fn: Callable[..., Any],
    key: Any,
    n_samples: Union[int, Iterable[int]],
    batch_size: int = 0,
    device_count: int = -1,
    store_on_device: bool = True,
    trace_axes: Axes = (-1,),
    diagonal_axes: Axes = (),
    vmap_axes: Any = None,
    implementation: Union[int, NtkImplementation] = NtkImplementation.JACOBIAN_CONTRACTION,
) -> Callable[..., Any]:
    """The mean of :func:`empirical_kernel_fn` over random networks: ``kernel_fn(x1, x2=None, get=None)``.

    If ``n_samples`` are several numbers, a generator of the means after so many networks. ``key`` is a number, or a JAX key.

    >>> import numpy as np
    >>> from overparam import nt, stax
    >>> init_fn, apply_fn, kernel_fn = stax.serial(stax.Dense(256), stax.Relu(), stax.Dense(1))
    >>> sampled = nt.monte_carlo_kernel_fn(init_fn, apply_fn, key=0, n_samples=32)
    >>> x = np.eye(2)
    >>> bool(np.abs(sampled(x, None, "ntk") - kernel_fn(x, None, "ntk")).max() < 0.1)
    True
    """
    if not isinstance(init_fn, InitFn):
        raise TypeError(f"init_fn: expected the init_fn of a layer of overparam.stax, got {init_fn!r}.")
    draw = empirical_kernel_fn(apply_fn, trace_axes, diagonal_axes, vmap_axes, implementation)
    counts = [n_samples] if isinstance(n_samples, (int, np.integer)) else list(n_samples)
    looks = {_positive("n_samples", count) for count in counts}
    seed = seed_of(key)

    def means(x1: Any, x2: Any, get: Get) -> Iterator[Any]:
        kinds = kinds_of(get)
        seeds = np.random.SeedSequence(seed).generate_state(max(looks), np.uint64)
        totals = {kind: np.zeros(()) for kind in kinds}
        for done, one in enumerate(seeds, start=1):
            _, params = init_fn(int(one), np.shape(x1))
            found = draw(x1, x2, kinds, params)
            totals = {kind: totals[kind] + getattr(found, kind) for kind in kinds}
            if done in looks:
                yield picked("MonteCarloKernel", get, {kind: total / done for kind, total in totals.items()})

    def kernel_fn(x1: npt.ArrayLike, x2: Optional[npt.ArrayLike] = None, get: Get = None) -> Any:
        found = means(x1, x2, get)
        return next(found) if isinstance(n_samples, (int, np.integer)) else found

    return kernel_fn


def empirical_ntk_fn(
    f: Callable[..., Any],
    trace_axes: Axes = (-1,),
    diagonal_axes: Axes = (),
    vmap_axes: Any = None,
    implementation: Union[int, NtkImplementation] = NtkImplementation.JACOBIAN_CONTRACTION,
) -> Callable[..., Array]:
    """The tangent kernel of a finite network: ``ntk_fn(x1, x2, params)``, :meth:`overparam.Architecture.empirical_ntk`.

    With ``trace_axes=(-1,)`` the mean over outputs, ``n1 x n2``; with ``trace_axes=()`` all entries, ``n1 x n2 x c x c``, or the
    diagonal ``n1 x n2 x c`` if ``diagonal_axes=(-1,)``. ``vmap_axes`` and ``implementation`` change nothing.

    >>> import numpy as np
    >>> from overparam import nt, stax
    >>> init_fn, apply_fn, _ = stax.serial(stax.Dense(64), stax.Relu(), stax.Dense(3))
    >>> _, params = init_fn(0, (-1, 2))
    >>> nt.empirical_ntk_fn(apply_fn)(np.eye(2), None, params).shape
    (2, 2)
    >>> nt.empirical_ntk_fn(apply_fn, trace_axes=())(np.eye(2), None, params).shape
    (2, 2, 3, 3)
    """
    net = _net(f)
    traced, diagonal = _output_axes(trace_axes, diagonal_axes)

    def ntk_fn(x1: npt.ArrayLike, x2: Optional[npt.ArrayLike], params: Any) -> Array:
        found = net.empirical_ntk(params, x1, x2, trace=traced)
        return np.einsum("mncc->mnc", found) if diagonal else found

    return ntk_fn


def empirical_nngp_fn(
    f: Callable[..., Any], trace_axes: Axes = (-1,), diagonal_axes: Axes = ()
) -> Callable[..., Array]:
    """The products of outputs of a finite network: ``nngp_fn(x1, x2, params)``; axes as in :func:`empirical_ntk_fn`.

    >>> import numpy as np
    >>> from overparam import nt, stax
    >>> init_fn, apply_fn, _ = stax.serial(stax.Dense(64), stax.Relu(), stax.Dense(3))
    >>> _, params = init_fn(0, (-1, 2))
    >>> nt.empirical_nngp_fn(apply_fn)(np.eye(2), None, params).shape
    (2, 2)
    """
    net = _net(f)
    traced, diagonal = _output_axes(trace_axes, diagonal_axes)

    def nngp_fn(x1: npt.ArrayLike, x2: Optional[npt.ArrayLike], params: Any) -> Array:
        first = net.apply(params, x1)
        second = first if x2 is None else net.apply(params, x2)
        if first.ndim != 2:
            raise NotImplementedError("The outputs still have pixels: end the network in Flatten or GlobalAvgPool.")
        if traced:
            return np.asarray(first @ second.T / first.shape[1])
        return np.asarray(np.einsum("ma,na->mna" if diagonal else "ma,nb->mnab", first, second))

    return nngp_fn


def empirical_kernel_fn(
    f: Callable[..., Any],
    trace_axes: Axes = (-1,),
    diagonal_axes: Axes = (),
    vmap_axes: Any = None,
    implementation: Union[int, NtkImplementation] = NtkImplementation.JACOBIAN_CONTRACTION,
) -> Callable[..., Any]:
    """Both kernels of a finite network: ``kernel_fn(x1, x2, get, params)``.

    >>> import numpy as np
    >>> from overparam import nt, stax
    >>> init_fn, apply_fn, _ = stax.serial(stax.Dense(64), stax.Relu(), stax.Dense(1))
    >>> _, params = init_fn(0, (-1, 2))
    >>> nt.empirical_kernel_fn(apply_fn)(np.eye(2), None, ("ntk", "nngp"), params)._fields
    ('ntk', 'nngp')
    """
    functions = {
        "nngp": empirical_nngp_fn(f, trace_axes, diagonal_axes),
        "ntk": empirical_ntk_fn(f, trace_axes, diagonal_axes, vmap_axes, implementation),
    }

    def kernel_fn(x1: npt.ArrayLike, x2: Optional[npt.ArrayLike], get: Get, params: Any) -> Any:
        return picked("EmpiricalKernel", get, {kind: functions[kind](x1, x2, params) for kind in kinds_of(get)})

    return kernel_fn


def linearize(f: Callable[..., Any], params: Any) -> Callable[[Any, npt.ArrayLike], Array]:
    """The network linear in its parameters around ``params``: :meth:`overparam.Architecture.linearize`.

    >>> import numpy as np
    >>> from overparam import nt, stax
    >>> init_fn, apply_fn, _ = stax.serial(stax.Dense(16), stax.Erf(), stax.Dense(1))
    >>> _, params = init_fn(0, (-1, 2))
    >>> f_lin = nt.linearize(apply_fn, params)
    >>> bool(np.allclose(f_lin(params, np.eye(2)), apply_fn(params, np.eye(2))))
    True
    """
    return _net(f).linearize(params)


def taylor_expand(f: Callable[..., Any], params: Any, degree: int) -> Callable[[Any, npt.ArrayLike], Array]:
    """The Taylor polynomial of the network in its parameters: :meth:`overparam.Linearized.taylor`.

    >>> import numpy as np
    >>> from overparam import nt, stax
    >>> init_fn, apply_fn, _ = stax.serial(stax.Dense(16), stax.Erf(), stax.Dense(1))
    >>> _, params = init_fn(0, (-1, 2))
    >>> nt.taylor_expand(apply_fn, params, 2)(params, np.eye(2)).shape
    (2, 1)
    """
    linear = _net(f).linearize(params)
    return lambda new_params, x: linear.taylor(new_params, x, degree)


def _net(f: Any) -> Architecture:
    if not isinstance(f, ApplyFn):
        raise TypeError(f"f: expected the apply_fn of a layer of overparam.stax, got {f!r}: other functions need JAX's derivatives.")
    return f.net


def _output_axes(trace_axes: Axes, diagonal_axes: Axes) -> tuple[bool, bool]:
    """Whether the outputs are traced over, and whether only the diagonal is wanted."""
    trace, diagonal = ((axes,) if isinstance(axes, int) else tuple(axes) for axes in (trace_axes, diagonal_axes))
    last = ((-1,), (1,))
    if trace in ((), *last) and diagonal in ((), *last) and not (trace and diagonal):
        return bool(trace), bool(diagonal)
    raise NotImplementedError(
        f"trace_axes = {trace_axes!r}, diagonal_axes = {diagonal_axes!r}: only the axis of the outputs, -1, in one of them is supported."
    )


def _positive(name: str, value: Any) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} = {value!r}: expected an integer >= 1, or several.") from None
    if count < 1:
        raise ValueError(f"{name} = {value!r}: expected an integer >= 1, or several.")
    return count


_MISSING = {
    "empirical_ntk_vp_fn": "products with the kernel are not supported: multiply by the array that empirical_ntk_fn gives",
    "experimental": "there is no experimental part",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _MISSING:
            raise AttributeError(f"neural-tangents has nt.{name}, overparam does not: {_MISSING[name]}.")
        raise AttributeError(f"module 'overparam.nt' has no attribute {name!r}")
