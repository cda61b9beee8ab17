"""The tables of an archive: what each of its columns holds."""

from functools import partial

from markdown_tables import code, table

from ensemble_cam.settings.vocabulary import ARCHIVE_COLUMNS, FILMS, FINDINGS, GREY_PERCENTILES, MAPS, SCORES

FILM = "the film's name, the same in all tables and of no other film"
HOLDS = {
    FILMS: {
        "film": FILM,
        "sha256": "of the file's bytes; null where they could not be read",
        "state": "`done` or `failed`",
        "reason": "why it failed, in a sentence; null where it is done",
        "width": "of the film in source pixels",
        "height": "of the film in source pixels",
        "bits": "declared bits per sample",
        "view": "`PA`, `AP`, `LL` …, as the DICOM header declares it; null where it does not, and for pictures",
        "device": "maker and model, where the maker is one of those known; nothing else of the header's texts",
        "meaningless": "whether the networks cannot know such a film, so that its scores mean nothing",
        "warnings": "what has to be said of the film, in sentences; empty where there is nothing",
        **{
            f"grey_p{percentile:02d}": f"the stored value that {percentile} % of the film's pixels do not exceed; "
            "padding is left out"
            for percentile in GREY_PERCENTILES
        },
        "known_by": "hashes of the file's place, and of its size and time: by them the next run knows it",
    },
    SCORES: {
        "film": FILM,
        "classifier": "an id, or `ensemble`; null for a film that failed",
        "finding": "the label, by upstream's name; null where a classifier failed",
        "score": "in [0, 1], 0.5 at the operating point, to six digits as in `review.json`",
        "error": "why there is no score: of a film, or of a classifier on it",
    },
    FINDINGS: {
        "film": FILM,
        "finding": "the label, by upstream's name",
        "classifier": "an id, or `ensemble`",
        "rank": "1 for the finding with the highest score",
        "call": "`called`, `not called`, `uncalibrated` or `meaningless`; null where it does not know the finding",
        "split": "whether some classifiers call the finding and others do not",
        "agreement": "the mean IoU of the maps behind the ensemble; the same in all rows of a finding",
        "hottest_x": "column of the map's largest value, in source pixels",
        "hottest_y": "row of the map's largest value",
        "box": "`[x0, y0, x1, y1]`, half-open: around all that is at or above the threshold; null where nothing is",
        "area": "the share of what the networks saw that is at or above the threshold",
    },
    MAPS: {
        "film": FILM,
        "finding": "the label, by upstream's name",
        "classifier": "an id; the ensemble's map is the mean of the classifiers', by ensemble weight",
        "rows": "of the grid",
        "columns": "of the grid",
        "grid": "relative activation, row by row from the top left, float16",
    },
}


def columns(name: str) -> str:
    """Return what the columns of a table hold."""
    return table(["column", "holds"], [(code(column), HOLDS[name][column]) for column in ARCHIVE_COLUMNS[name]])


TABLES = {f"archive {name}": partial(columns, name) for name in ARCHIVE_COLUMNS}
