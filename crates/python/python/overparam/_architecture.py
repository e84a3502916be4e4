"""A network described once, for its infinite-width limit and for finite networks."""

from __future__ import annotations

import json
import operator
from typing import Any, Literal, Mapping, NamedTuple, Optional, Union, overload

import numpy as np
import numpy.typing as npt

from . import _core
from ._activations import ACTIVATIONS
from ._arrays import Array, Shape, columns, fits, inputs, shape_of_one
from ._layers import LAYERS, Branch, Parallel, Residual, layers_of
from ._params import Params, leaves, one_precision
from ._progress import bar
from ._schema import Layer, canonical

Parameterization = Literal["ntk", "standard"]


class Kernels(NamedTuple):
    """The NNGP kernel and the NTK, each ``n1 x n2``."""

    nngp: Array
    ntk: Array


class Descent(NamedTuple):
    """Parameters after descent, and the loss before each step."""

    params: Params
    losses: Array


class Architecture:
    """A network: layers in order. :func:`serial` makes one.

    Networks are plain values like their layers: they compare equal if they are the same, can be hashed and pickled, and do not change.

    >>> import overparam as op
    >>> net = op.serial(op.Dense(512, w_std=1.5, b_std=0.1), op.Relu(), op.Dense(1))
    >>> net
    serial(Dense(512, w_std=1.5, b_std=0.1), Relu(), Dense(1))
    >>> net == op.from_json(net.to_json())
    True
    """

    __slots__ = ("_json", "_layers", "_parameterization")
    _layers: tuple[Layer, ...]
    _parameterization: Parameterization
    _json: str

    def __init__(self, layers: tuple[Layer, ...], parameterization: Parameterization = "ntk") -> None:
        document = canonical(parameterization, [layer._document() for layer in layers])
        object.__setattr__(self, "_layers", layers)
        object.__setattr__(self, "_parameterization", parameterization)
        object.__setattr__(self, "_json", document)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, first applied first."""
        return self._layers

    @property
    def parameterization(self) -> Parameterization:
        """``"ntk"`` or ``"standard"``."""
        return self._parameterization

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an architecture does not change: make another one with another {name}")

    def __reduce__(self) -> tuple[Any, ...]:
        return from_json, (self._json,)

    def __eq__(self, other: object) -> bool:
        return self._json == other._json if isinstance(other, Architecture) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._json)

    def __repr__(self) -> str:
        parts = [repr(layer) for layer in self._layers]
        if self._parameterization != "ntk":
            parts.append(f"parameterization={self._parameterization!r}")
        return f"serial({', '.join(parts)})"

    def __len__(self) -> int:
        return len(self._layers)

    def to_json(self) -> str:
        """The network as the program ``overparam`` and the Rust crates read it.

        >>> import overparam as op
        >>> print(op.serial(op.Dense(1)).to_json())
        {
          "layers": [
            {
              "dense": {
                "w_std": 1.0,
                "width": 1
              }
            }
          ],
          "parameterization": "ntk"
        }
        """
        return self._json

    def describe(self, shape: Optional[Shape] = None) -> str:
        """One line per layer, and with the shape of one input, the shapes between them.

        Parameters
        ----------
        shape
            ``d`` for vectors, ``(length, channels)`` for sequences, ``(height, width, channels)`` for images.

        >>> import overparam as op
        >>> net = op.serial(op.Conv(64, (3, 3)), op.Relu(), op.GlobalAvgPool(), op.Dense(10))
        >>> print(net.describe((8, 8, 3)))
        input: 8 x 8 x 3
        1. conv 3 x 3, no padding, w_std 1 -> 6 x 6 x 64
        2. relu -> 6 x 6 x 64
        3. global_avg_pool -> 64
        4. dense w_std 1 -> 10
        """
        return _core.describe(self._json, None if shape is None else shape_of_one(shape)).rstrip("\n")

    @overload
    def kernel(
        self,
        x1: npt.ArrayLike,
        x2: Optional[npt.ArrayLike] = None,
        kind: Literal["ntk", "nngp"] = "ntk",
        *,
        progress: bool = False,
    ) -> Array: ...
    @overload
    def kernel(
        self,
        x1: npt.ArrayLike,
        x2: Optional[npt.ArrayLike] = None,
        *,
        kind: tuple[Literal["nngp"], Literal["ntk"]],
        progress: bool = False,
    ) -> Kernels: ...
    @overload
    def kernel(
        self,
        x1: npt.ArrayLike,
        x2: Optional[npt.ArrayLike],
        kind: tuple[Literal["nngp"], Literal["ntk"]],
        *,
        progress: bool = False,
    ) -> Kernels: ...
    def kernel(
        self,
        x1: npt.ArrayLike,
        x2: Optional[npt.ArrayLike] = None,
        kind: Union[Literal["ntk", "nngp"], tuple[Literal["nngp"], Literal["ntk"]]] = "ntk",
        *,
        progress: bool = False,
    ) -> Union[Array, Kernels]:
        """The infinite-width kernels between inputs, in closed form.

        Parameters
        ----------
        x1
            Vectors ``n x d``, sequences ``n x length x channels`` or images ``n x height x width x channels``. ``float32`` is
            computed in single precision, ``float64`` and integers in double precision; other types are refused.
        x2
            Other inputs, taken to be different from ``x1`` even where they are equal; without them, ``x1`` with itself. The two
            kernels differ for networks with dropout.
        kind
            ``"ntk"``, the neural tangent kernel; ``"nngp"``, the covariance of the outputs at initialisation; or
            ``("nngp", "ntk")``, both at the cost of little more than one.
        progress
            Whether to show a bar, if tqdm is installed.

        Returns
        -------
        numpy.ndarray or Kernels
            ``n1 x n2``, in C order; for two kinds, a named tuple of both.

        Notes
        -----
        An entry depends on its two inputs alone, not on the batch or the number of threads: the result is bit for bit that of the
        program ``overparam kernel`` on the same machine. Other Python threads run meanwhile; Ctrl-C stops it.

        >>> import numpy as np, overparam as op
        >>> net = op.serial(op.Dense(512, w_std=1.5), op.Erf(), op.Dense(1))
        >>> x = np.array([[1.0, 0.0], [0.6, 0.8]])
        >>> net.kernel(x).round(4)
        array([[1.0976, 0.5634],
               [0.5634, 1.0976]])
        >>> both = net.kernel(x, x[:1], kind=("nngp", "ntk"))
        >>> both.nngp.shape, both.ntk.dtype
        ((2, 1), dtype('float64'))
        """
        kinds = (kind,) if isinstance(kind, str) else tuple(kind)
        if kinds not in [("ntk",), ("nngp",), ("nngp", "ntk")]:
            raise ValueError(f"kind = {kind!r}: expected 'ntk', 'nngp' or ('nngp', 'ntk')")
        first, second = inputs(["x1", "x2"], x1, x2)
        assert first is not None
        n = first.shape[0]
        m = n if second is None else second.shape[0]
        fits(n, m, len(kinds), first.itemsize)
        pairs = n * (n + 1) // 2 if second is None else n * m
        with bar(progress, pairs, "pair", "kernel") as told:
            nngp, ntk = _core.kernel(self._json, first, second, "nngp" in kinds, "ntk" in kinds, told)
        if len(kinds) == 2:
            return Kernels(nngp, ntk)
        one: Array = ntk if kinds == ("ntk",) else nngp
        return one

    def init(self, seed: int, shape: Shape, *, dtype: npt.DTypeLike = np.float64) -> Params:
        """Random parameters of the finite network, the same for the same seed.

        Parameters
        ----------
        seed
            From 0 to 2^64 - 1.
        shape
            Shape of one input: ``d``, ``(length, channels)`` or ``(height, width, channels)``.
        dtype
            ``float32`` or ``float64``.

        >>> import overparam as op
        >>> net = op.serial(op.Dense(4), op.Relu(), op.Dense(1))
        >>> sorted(net.init(0, 2))
        ['layers[0].weight', 'layers[2].weight']
        """
        try:
            number = operator.index(seed)
        except TypeError:
            raise TypeError(f"seed = {seed!r}: expected an integer from 0 to 2^64 - 1") from None
        if not 0 <= number < 2**64:
            raise ValueError(f"seed = {seed!r}: expected an integer from 0 to 2^64 - 1")
        kind = np.dtype(dtype)
        if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise TypeError(f"dtype = {kind}: expected float32 or float64")
        one = shape_of_one(shape)
        arrays = _core.init(self._json, one, number, kind == np.float32)
        names = [name for name, _ in _core.parameter_shapes(self._json, one)]
        return Params(zip(names, arrays))

    def apply(self, params: Mapping[str, Any], x: npt.ArrayLike) -> Array:
        """Outputs of the finite network: ``n x c``, or ``n x height x width x c`` where pixels are left.

        Parameters
        ----------
        params
            Named arrays, as :meth:`init` gives them.
        x
            Inputs as of :meth:`kernel`.

        >>> import numpy as np, overparam as op
        >>> net = op.serial(op.Dense(4), op.Relu(), op.Dense(1))
        >>> net.apply(net.init(0, 2), np.eye(2)).shape
        (2, 1)
        """
        (given,) = inputs(["x"], x)
        assert given is not None
        *arrays, given = one_precision(*self._leaves("params", params, given), given)
        return _core.apply(self._json, arrays, given)

    def empirical_ntk(
        self,
        params: Mapping[str, Any],
        x1: npt.ArrayLike,
        x2: Optional[npt.ArrayLike] = None,
        *,
        trace: bool = True,
    ) -> Array:
        """The neural tangent kernel of a finite network, ``sum_theta df_a(x1)/dtheta df_b(x2)/dtheta``.

        The cheapest of three methods is taken (Novak, Sohl-Dickstein and Schoenholz 2022).

        Parameters
        ----------
        params
            Named arrays, as :meth:`init` gives them.
        x1, x2
            Inputs as of :meth:`kernel`; without ``x2``, ``x1`` with itself.
        trace
            The mean over the outputs ``a = b``, ``n1 x n2``, which converges to :meth:`kernel` as the width grows; else all entries,
            ``n1 x n2 x c x c``.

        >>> import numpy as np, overparam as op
        >>> net = op.serial(op.Dense(2048), op.Relu(), op.Dense(1))
        >>> x = np.eye(2)
        >>> found = net.empirical_ntk(net.init(0, 2), x)
        >>> bool(np.abs(found - net.kernel(x)).max() < 0.1)
        True
        """
        first, second = inputs(["x1", "x2"], x1, x2)
        assert first is not None
        arrays = self._leaves("params", params, first)
        if second is None:
            *arrays, first = one_precision(*arrays, first)
        else:
            *arrays, first, second = one_precision(*arrays, first, second)
        return _core.empirical_ntk(self._json, arrays, first, second, bool(trace))

    def linearize(self, params: Mapping[str, Any]) -> Linearized:
        """The network linear in its parameters around these: ``f(x) + J (theta - theta_0)`` (Lee et al. 2019).

        >>> import numpy as np, overparam as op
        >>> net = op.serial(op.Dense(16), op.Erf(), op.Dense(1))
        >>> start = net.init(0, 2)
        >>> linear = net.linearize(start)
        >>> moved = {name: leaf * 1.01 for name, leaf in start.items()}
        >>> x = np.eye(2)
        >>> exact = net.apply(moved, x)
        >>> bool(np.abs(linear(moved, x) - exact).max() < 1e-3)
        True
        """
        return Linearized(self, params)

    def descend(
        self,
        params: Mapping[str, Any],
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        learning_rate: float,
        steps: int,
        progress: bool = False,
    ) -> Descent:
        """Gradient descent of the finite network on ``||f - y||^2 / (2 n c)``, all examples at a time.

        Parameters
        ----------
        params
            Where it starts.
        x, y
            Inputs as of :meth:`kernel`, and targets ``n x c`` (or ``n`` numbers for one output).
        learning_rate, steps
            How far each step goes, and how many.
        progress
            Whether to show a bar, if tqdm is installed.

        Returns
        -------
        Descent
            Named tuple of the parameters after the last step and the loss before each.

        >>> import numpy as np, overparam as op
        >>> net = op.serial(op.Dense(64), op.Relu(), op.Dense(1))
        >>> run = net.descend(net.init(0, 2), np.eye(2), [1.0, -1.0], learning_rate=1.0, steps=50)
        >>> bool(run.losses[-1] < run.losses[0] / 10)
        True
        """
        (given,) = inputs(["x"], x)
        assert given is not None
        targets, _ = columns("y", y)
        arrays = self._leaves("params", params, given)
        kind = np.result_type(*arrays, given)
        arrays = [array.astype(kind, copy=False) for array in arrays]
        rate = float(learning_rate)
        if not 0.0 < rate < np.inf:
            raise ValueError(f"learning_rate = {learning_rate!r}: expected a finite number > 0")
        count = operator.index(steps)
        if count < 0:
            raise ValueError(f"steps = {steps!r}: expected an integer >= 0")
        with bar(progress, count, "step", "descent") as told:
            found, losses = _core.descend(
                self._json, arrays, given.astype(kind, copy=False), targets.astype(kind), rate, count, told
            )
        return Descent(Params(zip(self._names(given), found)), np.asarray(losses))

    def _names(self, x: Array) -> list[str]:
        return [name for name, _ in _core.parameter_shapes(self._json, list(x.shape[1:]))]

    def _leaves(self, which: str, params: Mapping[str, Any], x: Array) -> list[Array]:
        return leaves(which, params, self._json, list(x.shape[1:]))


class Linearized:
    """A network expanded in its parameters around some setting; :meth:`Architecture.linearize` makes it.

    ``linear(params, x)`` is the network linear in its parameters, ``linear.taylor(params, x, order)`` the polynomial of another order.
    """

    def __init__(self, net: Architecture, start: Mapping[str, Any]) -> None:
        self.net = net
        self.start = Params(start)

    def __repr__(self) -> str:
        return f"Linearized({self.net!r})"

    def __call__(self, params: Mapping[str, Any], x: npt.ArrayLike) -> Array:
        """``f(x) + J (theta - theta_0)``."""
        return self.taylor(params, x, 1)

    def taylor(self, params: Mapping[str, Any], x: npt.ArrayLike, order: int) -> Array:
        """``sum_(j <= order) 1/j! D^j f(x)[theta - theta_0, ...]``; the cost doubles with each order.

        >>> import numpy as np, overparam as op
        >>> net = op.serial(op.Dense(16), op.Erf(), op.Dense(1))
        >>> linear = net.linearize(net.init(0, 2))
        >>> linear.taylor(linear.start, np.eye(2), 2).shape
        (2, 1)
        """
        number = operator.index(order)
        if not 0 <= number <= 10:
            raise ValueError(f"order = {order!r}: expected an integer from 0 to 10")
        (given,) = inputs(["x"], x)
        assert given is not None
        start = self.net._leaves("start", self.start, given)
        moved = self.net._leaves("params", params, given)
        *arrays, given = one_precision(*start, *moved, given)
        half = len(start)
        return _core.expansion(self.net._json, arrays[:half], arrays[half:], given, number)


def serial(*layers: Branch, parameterization: Parameterization = "ntk") -> Architecture:
    """A network of layers, first applied first.

    Parameters
    ----------
    layers
        Layers; networks and lists among them contribute theirs.
    parameterization
        ``"ntk"``: weights are standard normal and the layer divides by the square root of the fan-in (Jacot et al. 2018).
        ``"standard"``: the weights themselves have variance ``w_std^2 / n``, so that the NTK depends on the widths
        (Sohl-Dickstein et al. 2020).

    >>> import overparam as op
    >>> block = op.serial(op.Dense(64), op.Relu())
    >>> op.serial(block, block, op.Dense(1))
    serial(Dense(64), Relu(), Dense(64), Relu(), Dense(1))
    """
    return Architecture(layers_of(layers, "serial"), parameterization)


def from_json(text: str) -> Architecture:
    """The network that a JSON description stands for; the format is that of :meth:`Architecture.to_json`.

    >>> import overparam as op
    >>> op.from_json('{"layers": [{"dense": {"width": 64}}, "relu", {"dense": {"width": 1}}]}')
    serial(Dense(64), Relu(), Dense(1))
    """
    document = json.loads(_core.canonical(text))
    return Architecture(tuple(map(_layer, document["layers"])), document["parameterization"])


_CLASSES: dict[str, type[Layer]] = {kind._name: kind for kind in (*LAYERS, *ACTIVATIONS)}


def _layer(document: Any) -> Layer:
    """A layer of the schema's own words."""
    if isinstance(document, str):
        return _CLASSES[document]()
    ((name, body),) = document.items()
    if name == Residual._name:
        return Residual(*map(_layer, body))
    if name == Parallel._name:
        return Parallel(*([_layer(layer) for layer in branch] for branch in body["branches"]), combine=body["combine"])
    return _CLASSES[name](**body)
