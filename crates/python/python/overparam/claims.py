"""The claims of five talks, each with an experiment that can fail and a control that must.

>>> import overparam as op
>>> [claim.id for claim in op.claims.list()][0].split("/")[0]
'hu-2021'
"""

from __future__ import annotations

import builtins
import html
import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Literal, Mapping, Optional, Union

from . import _core

__all__ = ["About", "ClaimReport", "Figure", "list", "reproduce", "reproduce_many"]

Scale = Literal["smoke", "standard", "paper"]


@dataclass(frozen=True)
class About:
    """What a claim says and how it is tested.

    >>> import overparam as op
    >>> about = op.claims.list()[0]
    >>> about.talk, about.id.startswith(about.talk)
    ('hu-2021', True)
    """

    #: ``talk/claim``.
    id: str
    #: Speaker and title of the talk.
    title: str
    #: One sentence.
    statement: str
    #: The central formula, in plain text.
    formula: str
    #: The publications: dictionaries of ``citation``, ``place`` and ``url``.
    sources: tuple[dict[str, str], ...] = field(repr=False)
    #: What the theory predicts for this experiment.
    prediction: str = field(repr=False)
    #: What the measurements must show for the claim to hold.
    must_hold: str = field(repr=False)
    #: The hypothesis that the control takes away.
    control: str = field(repr=False)
    #: Rough CPU seconds at smoke, standard and paper scale.
    cpu_seconds: tuple[float, float, float] = field(repr=False)

    @property
    def talk(self) -> str:
        """The part of the identifier before the slash."""
        return self.id.split("/")[0]

    @staticmethod
    def _of(title: str, document: Mapping[str, Any]) -> About:
        return About(
            id=document["id"],
            title=title,
            statement=document["statement"],
            formula=document["formula"],
            sources=tuple(document["sources"]),
            prediction=document["prediction"],
            must_hold=document["must_hold"],
            control=document["control"],
            cpu_seconds=tuple(document["cpu_seconds"]),
        )


def list() -> builtins.list[About]:
    """Every claim, in the order of the talks.

    >>> import overparam as op
    >>> any(claim.id == "hu-2021/few-shot" for claim in op.claims.list())
    True
    """
    return [About._of(entry["talk"], entry["about"]) for entry in json.loads(_core.claims())]


@dataclass(frozen=True)
class Figure:
    """A figure, which a notebook shows.

    >>> import overparam as op
    >>> op.claims.Figure("dot", "A dot", "Nothing else.", "<svg/>").name
    'dot'
    """

    #: A file name without extension.
    name: str
    #: The heading.
    title: str
    #: What to see in it, and what the bars are.
    caption: str
    #: A stand-alone SVG document.
    svg: str = field(repr=False)

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: Union[str, Path]) -> None:
        """Writes the figure as an SVG file."""
        Path(path).write_text(self.svg, encoding="utf-8")


@dataclass(frozen=True)
class ClaimReport:
    """What a run found out about one claim. A notebook shows it with its figures.

    >>> import overparam as op
    >>> report = op.claims.reproduce("rank-not-norm", scale="smoke")
    >>> report.holds, len(report.draws()) > 8
    (True, True)
    """

    #: What the claim says.
    about: About
    #: ``"holds"``, ``"fails"``, ``"undecided"`` or ``"not_discriminating"``: the control holds too.
    decision: str
    #: The decision as it may be said of an experiment of this size.
    words: str
    #: Its reason in one line.
    reason: str
    #: The command that repeats the run.
    command: str
    figures: tuple[Figure, ...] = field(repr=False)
    #: Everything, as in the program's ``report.json``.
    document: Mapping[str, Any] = field(repr=False)

    @property
    def checks(self) -> builtins.list[dict[str, Any]]:
        """The checks on the experiment: what was measured, what theory says, and what is known of it."""
        return builtins.list(self.document["checks"])

    @property
    def holds(self) -> bool:
        """Whether the claim holds."""
        return self.decision == "holds"

    def draws(self) -> Any:
        """Every draw: one row per check, place and seed, of the experiment and of the control.

        A ``pandas.DataFrame`` if pandas is installed, else a list of dictionaries.
        """
        rows = [
            {"grid": grid, "check": check["id"], "quantity": check["quantity"], "at": place.get("at", ""), "seed": seed, "value": value}
            for grid, key in (("experiment", "checks"), ("control", "control"))
            for check in self.document[key]
            for place in check["points"]
            for seed, value in place["draws"]
        ]
        try:
            import pandas
        except ImportError:
            return rows
        return pandas.DataFrame(rows)

    def _repr_html_(self) -> str:
        """The verdict, the checks and the figures."""
        text = html.escape
        rows = "".join(
            f"<tr><td>{text(check['state'])}</td><td style='text-align:left'>{text(check['quantity'])}</td>"
            f"<td style='text-align:left'>{text(check['prediction'])}</td><td>{_number(check.get('estimate'))}</td></tr>"
            for check in self.checks
        )
        figures = "".join(
            f"<figure>{_inline(figure.svg)}<figcaption>{text(figure.caption)}</figcaption></figure>"
            for figure in self.figures
        )
        return (
            f"<h4>{text(self.about.id)}: {text(self.words)}</h4><p>{text(self.about.statement)}</p><p>{text(self.reason)}</p>"
            f"<table><tr><th></th><th>measured</th><th>predicted</th><th>estimate</th></tr>{rows}</table>{figures}"
        )


def reproduce(
    claim: str,
    *,
    scale: Scale = "standard",
    out: Union[str, Path, None] = None,
    seed: Optional[int] = None,
    seeds: Optional[int] = None,
    threads: Optional[int] = None,
    changes: Optional[Mapping[str, Any]] = None,
    data: Optional[Mapping[str, Union[str, Path]]] = None,
    fresh: bool = False,
    progress: bool = False,
) -> ClaimReport:
    """Runs the experiment of a claim, and its control, and judges both.

    Parameters
    ----------
    claim
        ``"hu-2021/few-shot"``, or the last part.
    scale
        ``"smoke"``, seconds; ``"standard"``, minutes; ``"paper"``, the sources' own sizes, perhaps hours.
    out
        A folder that keeps what was computed, so that the same run goes on from there; by default nothing is kept.
    seed
        Master seed, instead of the sealed one; the result is exploratory.
    seeds
        Judge once, at this many draws.
    threads
        Worker threads; results do not depend on it.
    changes
        Another value for fields of every cell, such as ``{"width": 256}``, or of one side alone, ``{"control:width": 256}``: one
        assumption changed. The result is exploratory.
    data
        Data sets of your own, such as ``{"mnist": folder}``.
    fresh
        Compute every cell anew, whatever ``out`` has.
    progress
        Whether to show a bar, if tqdm is installed.

    >>> import overparam as op
    >>> report = op.claims.reproduce("hu-2021/rank-not-norm", scale="smoke", seeds=2)
    >>> report.decision in {"holds", "fails", "undecided", "not_discriminating"}
    True
    >>> len(report.figures) > 0 and report.figures[0].svg.startswith("<?xml")
    True
    """
    reports = _run([claim], scale, out, seed, seeds, threads, changes, data, fresh, progress)
    if len(reports) != 1:
        known = ", ".join(report.about.id for report in reports)
        raise ValueError(f"claim = {claim!r}: expected one claim, got a talk of {known}; see reproduce_many")
    return reports[0]


def reproduce_many(
    *names: str,
    scale: Scale = "standard",
    out: Union[str, Path, None] = None,
    seed: Optional[int] = None,
    seeds: Optional[int] = None,
    threads: Optional[int] = None,
    changes: Optional[Mapping[str, Any]] = None,
    data: Optional[Mapping[str, Union[str, Path]]] = None,
    fresh: bool = False,
    progress: bool = False,
) -> builtins.list[ClaimReport]:
    """Runs talks or claims, or all of them if no name is given; parameters are those of :func:`reproduce`.

    >>> import overparam as op
    >>> [r.about.id for r in op.claims.reproduce_many("rank-not-norm", scale="smoke", seeds=1)]
    ['hu-2021/rank-not-norm']
    """
    return _run(names, scale, out, seed, seeds, threads, changes, data, fresh, progress)


def _run(
    names: Any,
    scale: str,
    out: Union[str, Path, None],
    seed: Optional[int],
    seeds: Optional[int],
    threads: Optional[int],
    changes: Optional[Mapping[str, Any]],
    data: Optional[Mapping[str, Union[str, Path]]],
    fresh: bool,
    progress: bool,
) -> builtins.list[ClaimReport]:
    words = [f"--scale={scale}"]
    words += [f"--{name}={value}" for name, value in (("seed", seed), ("seeds", seeds), ("threads", threads)) if value is not None]
    words += [f"--set={name}={json.dumps(value)}" for name, value in (changes or {}).items()]
    words += [f"--data={name}={value}" for name, value in (data or {}).items()]
    with ExitStack() as stack:
        folder = out if out is not None else stack.enter_context(tempfile.TemporaryDirectory(prefix="overparam-"))
        words += [f"--out={folder}", "--", *map(str, names)]
        found = json.loads(_core.reproduce(words, bool(fresh), stack.enter_context(_Bar(progress))))
    titles = {claim.id: claim.title for claim in list()}
    return [_report(titles, *pair) for pair in zip(found["report"]["claims"], found["svg"])]


def _report(titles: Mapping[str, str], document: Mapping[str, Any], svg: builtins.list[str]) -> ClaimReport:
    about = About._of(titles[document["about"]["id"]], document["about"])
    figures = tuple(
        Figure(figure["name"], figure["title"], figure["caption"], drawing)
        for figure, drawing in zip(document["figures"], svg)
    )
    return ClaimReport(
        about, document["decision"], document["words"], document["reason"], document["command"], figures, document
    )


class _Bar:
    """A bar whose length grows with the looks that are needed."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._bar: Any = None

    def __enter__(self) -> Optional[Callable[[int, int], None]]:
        try:
            if not self._wanted:
                return None
            from tqdm.auto import tqdm
        except ImportError:
            return None
        self._bar = tqdm(unit="cell", desc="reproduce", leave=False)
        return self._tell

    def _tell(self, done: int, planned: int) -> None:
        self._bar.total = planned
        self._bar.update(done - self._bar.n)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _inline(svg: str) -> str:
    """The drawing without the declaration of a file of its own."""
    return svg[svg.index("<svg") :]


def _number(value: Optional[float]) -> str:
    return "" if value is None else f"{value:.4g}"
