"""One film's review, and many films'."""

import os
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from typing import Unpack

import numpy as np

from ensemble_cam.api.networks import Networks
from ensemble_cam.api.options import Options
from ensemble_cam.api.result import Review
from ensemble_cam.api.source import Source, name_of
from ensemble_cam.archive.films import checked_case
from ensemble_cam.errors import EnsembleCamError, RadiographError
from ensemble_cam.film.radiograph import Radiograph
from ensemble_cam.machine.side_by_side import PixelBudget, in_threads
from ensemble_cam.phantom import Phantom

# Films that are decoded before they are asked for, and how many pixels of all of them are in memory at most.
_AHEAD, _MOST_PIXELS = 2, 32_000_000


def review(film: Source, *, case: str | None = None, **options: Unpack[Options]) -> Review:
    """Review one film: run the classifiers, rank the findings, and map the first of them.

    The first call loads the networks, which takes a moment, with PyTorch seconds; they are kept for the next.

    Args:
        film: what `read_film` returned, or anything that it takes.
        case: a name of your own for the film, which its files then carry.
        **options: see `Options`: `set`, `classifiers`, `weights`, `weights_dir`, `config`, `top_k`, `labels`, `method`,
            `layers`, `aug_smooth`, `eigen_smooth`, `framing`, `ensemble_weights`, `threshold`, `opacity`, `colormap`,
            `style`, `intensity`, `rescale`, `negative`, `device`, `runtime`.

    Raises:
        RadiographError: if this is no film that can be reviewed.
        ConfigError: if an option's value is not allowed.
        WeightsMissing: if weights are not on this machine; the message says how to fetch them.
        WeightsError: if a weights file cannot be used.
        ClassifierError: if every classifier failed on this film.
        TypeError: if there is no such option, or `film` is of another type.
    """
    if case is not None:
        checked_case(case, of="case")
    networks = Networks.of(options)
    return networks.review(networks.read(film), name=name_of(film), case=case)


def review_films(
    films: Iterable[Source],
    *,
    on_error: Callable[[Source, EnsembleCamError], object] | None = None,
    **options: Unpack[Options],
) -> Generator[Review, None, None]:
    """Review many films, one after the other: the next are read while the networks run, and memory stays flat.

    Options are checked and networks loaded before this returns. The films themselves are asked for as they are needed;
    a loop that is left early stops the reading.

    Args:
        films: each as `review` takes it.
        on_error: called with a film that cannot be reviewed and the reason, and the others go on. Without it the
            reason is raised, with the film's place in a note of the exception.
        **options: as of `review`.

    Raises:
        ConfigError, WeightsError, TypeError: as of `review`.
        RadiographError, ClassifierError: for a film, in its turn, where `on_error` is not given.
    """
    if isinstance(films, str | bytes | os.PathLike | np.ndarray | Phantom | Radiograph):
        raise TypeError("films: got a single one; hand over a list of films, or call review() for it.")
    if on_error is not None and not callable(on_error):
        raise TypeError(f"on_error: got {on_error!r}; hand over a function of a film and its error.")
    return _reviewed(films, Networks.of(options), on_error)


def _reviewed(
    films: Iterable[Source], networks: Networks, on_error: Callable[[Source, EnsembleCamError], object] | None
) -> Generator[Review, None, None]:
    budget = PixelBudget(most_pixels=_MOST_PIXELS)

    def read(numbered: tuple[int, Source]) -> tuple[int, Source, Radiograph | EnsembleCamError]:
        number, source = numbered
        try:
            budget.reserve(number, sha256=str(number), name=str(number))  # the same film may come twice
            film = networks.read(source, cancelled=budget.is_closed)
        except EnsembleCamError as error:
            return number, source, error
        except TypeError as error:  # what was handed over is no film: the caller's list is wrong
            error.add_note(_place(number))
            raise
        except MemoryError:
            return number, source, RadiographError("This machine ran out of memory for the film. Close other programs.")
        budget.charge(number, film.width * film.height)
        return number, source, film

    with closing(in_threads(read, enumerate(films, start=1), budget=budget, ahead=_AHEAD)) as read_ahead:
        for number, source, film in read_ahead:
            try:
                if isinstance(film, EnsembleCamError):
                    raise film
                yield networks.review(film, name=name_of(source))
            except EnsembleCamError as error:
                if on_error is None:
                    error.add_note(_place(number))
                    raise
                on_error(source, error)
            finally:
                budget.release(number)
                del film  # it would live until the next one is read


def _place(number: int) -> str:
    return f"This was film {number} of those handed over."
