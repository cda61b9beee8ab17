"""The tables of a session's file, version by version.

A version's script is never changed once files of it may lie somewhere: what is new is the next version's.
"""

APPEND_ONLY = ("readers", "reads", "marks", "verdicts", "notes", "reviews", "calls", "exports", "shapes", "judgements")
"""Tables whose rows stay what they were: a change is a new row."""

_FIRST = """
CREATE TABLE readers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    at TEXT NOT NULL
) STRICT;

-- A film is known by its file's SHA-256. `case_number` is the reader's own name for it; `path` is kept where the reader
-- allows it; `place` is that in the list of films, NULL for one that was removed from it.
CREATE TABLE films (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE CHECK (sha256 NOT GLOB '*[^0-9a-f]*' AND length(sha256) = 64),
    at TEXT NOT NULL,
    case_number TEXT,
    path TEXT,
    place INTEGER,
    planted TEXT
) STRICT;

-- A film as it was decoded, `film.message`: its stored values and what they need to be shown, nothing of a patient.
CREATE TABLE pixels (film INTEGER PRIMARY KEY REFERENCES films (id), head BLOB NOT NULL, body BLOB NOT NULL) STRICT;

CREATE TABLE settings (
    reader INTEGER NOT NULL REFERENCES readers (id),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (reader, name)
) STRICT;

-- What networks said of a film: `key` is of film, networks and settings.
CREATE TABLE reviews (
    id INTEGER PRIMARY KEY,
    film INTEGER NOT NULL REFERENCES films (id),
    key TEXT NOT NULL,
    classifier_set TEXT NOT NULL,
    weights TEXT NOT NULL,
    method TEXT NOT NULL,
    threshold REAL NOT NULL,
    meaningless INTEGER NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (film, key)
) STRICT;

CREATE TABLE calls (
    id INTEGER PRIMARY KEY,
    review INTEGER NOT NULL REFERENCES reviews (id),
    finding TEXT NOT NULL,
    network TEXT NOT NULL,
    score REAL NOT NULL,
    call TEXT NOT NULL,
    split INTEGER NOT NULL,
    agreement REAL,
    box TEXT,
    UNIQUE (review, finding, network)
) STRICT;

-- `event`: opened (the film was seen for the first time), revealed (scores and maps were), done.
CREATE TABLE reads (
    id INTEGER PRIMARY KEY,
    reader INTEGER NOT NULL REFERENCES readers (id),
    film INTEGER NOT NULL REFERENCES films (id),
    event TEXT NOT NULL CHECK (event IN ('opened', 'revealed', 'done')),
    first_read INTEGER NOT NULL DEFAULT 0,
    review INTEGER REFERENCES reviews (id),
    at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX once ON reads (reader, film, event) WHERE event <> 'done';

-- Source pixels; no place where the reader named a finding without one. `withdraws` takes an earlier mark back.
CREATE TABLE marks (
    id INTEGER PRIMARY KEY,
    reader INTEGER NOT NULL REFERENCES readers (id),
    film INTEGER NOT NULL REFERENCES films (id),
    phase TEXT NOT NULL CHECK (phase IN ('first', 'after')),
    finding TEXT NOT NULL,
    x REAL,
    y REAL,
    confidence INTEGER CHECK (confidence BETWEEN 1 AND 5),
    withdraws INTEGER REFERENCES marks (id),
    at TEXT NOT NULL,
    CHECK ((x IS NULL) = (y IS NULL))
) STRICT;

CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY,
    reader INTEGER NOT NULL REFERENCES readers (id),
    film INTEGER NOT NULL REFERENCES films (id),
    finding TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('agree', 'disagree', 'unsure')),
    review INTEGER REFERENCES reviews (id),
    at TEXT NOT NULL
) STRICT;

CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    reader INTEGER NOT NULL REFERENCES readers (id),
    film INTEGER NOT NULL REFERENCES films (id),
    finding TEXT,
    text TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;

CREATE TABLE exports (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    lines INTEGER NOT NULL,
    at TEXT NOT NULL
) STRICT;

CREATE INDEX reads_of ON reads (film, reader);
CREATE INDEX marks_of ON marks (film, reader);
CREATE INDEX verdicts_of ON verdicts (film, reader);

CREATE TRIGGER first_read_is_locked BEFORE INSERT ON marks
WHEN NEW.phase = 'first' AND EXISTS (
    SELECT 1 FROM reads WHERE reader = NEW.reader AND film = NEW.film AND event = 'revealed'
) BEGIN SELECT RAISE (ABORT, 'the first read is locked'); END;

CREATE TRIGGER no_verdict_before_its_reveal BEFORE INSERT ON verdicts
WHEN NOT EXISTS (
    SELECT 1 FROM reads WHERE reader = NEW.reader AND film = NEW.film AND event = 'revealed' AND at <= NEW.at
) BEGIN SELECT RAISE (ABORT, 'no verdict is older than its reveal'); END;
"""

# REPLACE deletes without asking the trigger of a deletion (unless `recursive_triggers` is on), so that an insertion
# with a number that is there is refused by itself.
_KEEP = """
CREATE TRIGGER {table}_are_not_changed BEFORE UPDATE ON {table}
BEGIN SELECT RAISE (ABORT, '{table}: rows are appended, never changed'); END;
CREATE TRIGGER {table}_are_not_deleted BEFORE DELETE ON {table}
BEGIN SELECT RAISE (ABORT, '{table}: rows are appended, never deleted'); END;
CREATE TRIGGER {table}_are_not_replaced BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, '{table}: rows are appended, never replaced'); END;
"""

# A film that a reader of a shared app has opened is theirs alone until it is on the work list, where `films.place` is
# not NULL. Its case number is theirs, too.
_OWN_FILMS = """
CREATE TABLE own_films (
    reader INTEGER NOT NULL REFERENCES readers (id),
    film INTEGER NOT NULL REFERENCES films (id),
    case_number TEXT,
    PRIMARY KEY (reader, film)
) STRICT;
"""

# See `audit`. `until` and `forgot` are the number and the hash of the last row that went, as it was no longer to be
# kept: no other may go.
_AUDIT = """
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    reader TEXT NOT NULL,
    event TEXT NOT NULL,
    film TEXT CHECK (film NOT GLOB '*[^0-9a-f]*' AND length(film) = 64),
    count INTEGER,
    until INTEGER,
    forgot TEXT,
    before TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE (ABORT, 'audit: rows are appended, never changed'); END;
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'audit: rows are appended, never replaced'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
WHEN OLD.id > (SELECT coalesce(max(until), 0) FROM audit)
BEGIN SELECT RAISE (ABORT, 'audit: rows go only when they are no longer to be kept'); END;
"""

# What a reader drew around a finding, for a truth: `points` is a JSON list of [x, y], edge coordinates of source
# pixels, of a box two corners. `withdraws` takes an earlier one back.
_SHAPES = """
CREATE TABLE shapes (
    id INTEGER PRIMARY KEY,
    reader INTEGER NOT NULL REFERENCES readers (id),
    film INTEGER NOT NULL REFERENCES films (id),
    phase TEXT NOT NULL CHECK (phase IN ('first', 'after')),
    finding TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('box', 'outline')),
    points TEXT NOT NULL,
    withdraws INTEGER REFERENCES shapes (id),
    at TEXT NOT NULL
) STRICT;
CREATE INDEX shapes_of ON shapes (film, reader);
CREATE TRIGGER first_shapes_are_locked BEFORE INSERT ON shapes
WHEN NEW.phase = 'first' AND EXISTS (
    SELECT 1 FROM reads WHERE reader = NEW.reader AND film = NEW.film AND event = 'revealed'
) BEGIN SELECT RAISE (ABORT, 'the first read is locked'); END;
"""

# How a network's map of a review stands to what a reader drew around its finding; `shapes`: the rows of that table that
# were the truth, with commas between.
_JUDGEMENTS = """
CREATE TABLE judgements (
    id INTEGER PRIMARY KEY,
    reader INTEGER NOT NULL REFERENCES readers (id),
    film INTEGER NOT NULL REFERENCES films (id),
    review INTEGER NOT NULL REFERENCES reviews (id),
    finding TEXT NOT NULL,
    network TEXT NOT NULL,
    shapes TEXT NOT NULL,
    hit INTEGER NOT NULL,
    iou REAL NOT NULL,
    dice REAL NOT NULL,
    at TEXT NOT NULL,
    UNIQUE (reader, review, finding, network, shapes)
) STRICT;
"""

_FIRST_KEPT = ("readers", "reads", "marks", "verdicts", "notes", "reviews", "calls", "exports")

MIGRATIONS = (
    _FIRST + "".join(_KEEP.format(table=table) for table in _FIRST_KEPT),
    _OWN_FILMS + _AUDIT,
    _SHAPES + _KEEP.format(table="shapes"),
    _JUDGEMENTS + _KEEP.format(table="judgements"),
)
"""What makes each version of the one before; the first makes it of nothing."""

VERSION = len(MIGRATIONS)
"""Of a file that this program writes."""
