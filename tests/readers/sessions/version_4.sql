PRAGMA application_id = 1162038610;
PRAGMA user_version = 4;
BEGIN TRANSACTION;
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
INSERT INTO "audit" VALUES(1,'2026-11-29T16:00:00.000000+00:00','A','came in',NULL,NULL,NULL,NULL,'0000000000000000000000000000000000000000000000000000000000000000','ab0d70dc57ee24f3a9099b8baacab25487fcaf5cdf3af7324d8080bf8c210a1d');
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
INSERT INTO "calls" VALUES(1,1,'Mass','a',0.7,'called',0,NULL,NULL);
CREATE TABLE exports (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    lines INTEGER NOT NULL,
    at TEXT NOT NULL
) STRICT;
INSERT INTO "exports" VALUES(1,'csv','x',3,'2026-11-29T15:49:35.967621+00:00');
CREATE TABLE films (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE CHECK (sha256 NOT GLOB '*[^0-9a-f]*' AND length(sha256) = 64),
    at TEXT NOT NULL,
    case_number TEXT,
    path TEXT,
    place INTEGER,
    planted TEXT
) STRICT;
INSERT INTO "films" VALUES(1,'abababababababababababababababababababababababababababababababab','2026-11-29T15:49:35.965434+00:00',NULL,NULL,1,NULL);
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
INSERT INTO "judgements" VALUES(1,1,1,1,'Mass','a','1',1,0.5,0.6,'2026-11-30T06:00:00.000000+00:00');
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
INSERT INTO "marks" VALUES(1,1,1,'after','Mass',1.0,2.0,NULL,NULL,'2026-11-29T15:49:35.966704+00:00');
CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    reader INTEGER NOT NULL REFERENCES readers (id),
    film INTEGER NOT NULL REFERENCES films (id),
    finding TEXT,
    text TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
INSERT INTO "notes" VALUES(1,1,1,NULL,'n','2026-11-29T15:49:35.967345+00:00');
CREATE TABLE own_films (
    reader INTEGER NOT NULL REFERENCES readers (id),
    film INTEGER NOT NULL REFERENCES films (id),
    case_number TEXT,
    PRIMARY KEY (reader, film)
) STRICT;
INSERT INTO "own_films" VALUES(1,1,'7');
CREATE TABLE pixels (film INTEGER PRIMARY KEY REFERENCES films (id), head BLOB NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE readers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    at TEXT NOT NULL
) STRICT;
INSERT INTO "readers" VALUES(1,'A','2026-11-29T15:49:35.965077+00:00');
CREATE TABLE reads (
    id INTEGER PRIMARY KEY,
    reader INTEGER NOT NULL REFERENCES readers (id),
    film INTEGER NOT NULL REFERENCES films (id),
    event TEXT NOT NULL CHECK (event IN ('opened', 'revealed', 'done')),
    first_read INTEGER NOT NULL DEFAULT 0,
    review INTEGER REFERENCES reviews (id),
    at TEXT NOT NULL
) STRICT;
INSERT INTO "reads" VALUES(1,1,1,'revealed',0,1,'2026-11-29T15:49:35.966353+00:00');
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
INSERT INTO "reviews" VALUES(1,1,'k','teaching','{}','gradcam++',0.5,0,'2026-11-29T15:49:35.965713+00:00');
CREATE TABLE settings (
    reader INTEGER NOT NULL REFERENCES readers (id),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (reader, name)
) STRICT;
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
INSERT INTO "shapes" VALUES(1,1,1,'after','Mass','box','[[1.0, 2.0], [3.0, 4.0]]',NULL,'2026-11-29T17:00:00.000000+00:00');
CREATE TABLE verdicts (
    id INTEGER PRIMARY KEY,
    reader INTEGER NOT NULL REFERENCES readers (id),
    film INTEGER NOT NULL REFERENCES films (id),
    finding TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('agree', 'disagree', 'unsure')),
    review INTEGER REFERENCES reviews (id),
    at TEXT NOT NULL
) STRICT;
INSERT INTO "verdicts" VALUES(1,1,1,'Mass','agree',NULL,'2026-11-29T15:49:35.967031+00:00');
CREATE UNIQUE INDEX once ON reads (reader, film, event) WHERE event <> 'done';
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
CREATE TRIGGER readers_are_not_changed BEFORE UPDATE ON readers
BEGIN SELECT RAISE (ABORT, 'readers: rows are appended, never changed'); END;
CREATE TRIGGER readers_are_not_deleted BEFORE DELETE ON readers
BEGIN SELECT RAISE (ABORT, 'readers: rows are appended, never deleted'); END;
CREATE TRIGGER readers_are_not_replaced BEFORE INSERT ON readers
WHEN EXISTS (SELECT 1 FROM readers WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'readers: rows are appended, never replaced'); END;
CREATE TRIGGER reads_are_not_changed BEFORE UPDATE ON reads
BEGIN SELECT RAISE (ABORT, 'reads: rows are appended, never changed'); END;
CREATE TRIGGER reads_are_not_deleted BEFORE DELETE ON reads
BEGIN SELECT RAISE (ABORT, 'reads: rows are appended, never deleted'); END;
CREATE TRIGGER reads_are_not_replaced BEFORE INSERT ON reads
WHEN EXISTS (SELECT 1 FROM reads WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'reads: rows are appended, never replaced'); END;
CREATE TRIGGER marks_are_not_changed BEFORE UPDATE ON marks
BEGIN SELECT RAISE (ABORT, 'marks: rows are appended, never changed'); END;
CREATE TRIGGER marks_are_not_deleted BEFORE DELETE ON marks
BEGIN SELECT RAISE (ABORT, 'marks: rows are appended, never deleted'); END;
CREATE TRIGGER marks_are_not_replaced BEFORE INSERT ON marks
WHEN EXISTS (SELECT 1 FROM marks WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'marks: rows are appended, never replaced'); END;
CREATE TRIGGER verdicts_are_not_changed BEFORE UPDATE ON verdicts
BEGIN SELECT RAISE (ABORT, 'verdicts: rows are appended, never changed'); END;
CREATE TRIGGER verdicts_are_not_deleted BEFORE DELETE ON verdicts
BEGIN SELECT RAISE (ABORT, 'verdicts: rows are appended, never deleted'); END;
CREATE TRIGGER verdicts_are_not_replaced BEFORE INSERT ON verdicts
WHEN EXISTS (SELECT 1 FROM verdicts WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'verdicts: rows are appended, never replaced'); END;
CREATE TRIGGER notes_are_not_changed BEFORE UPDATE ON notes
BEGIN SELECT RAISE (ABORT, 'notes: rows are appended, never changed'); END;
CREATE TRIGGER notes_are_not_deleted BEFORE DELETE ON notes
BEGIN SELECT RAISE (ABORT, 'notes: rows are appended, never deleted'); END;
CREATE TRIGGER notes_are_not_replaced BEFORE INSERT ON notes
WHEN EXISTS (SELECT 1 FROM notes WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'notes: rows are appended, never replaced'); END;
CREATE TRIGGER reviews_are_not_changed BEFORE UPDATE ON reviews
BEGIN SELECT RAISE (ABORT, 'reviews: rows are appended, never changed'); END;
CREATE TRIGGER reviews_are_not_deleted BEFORE DELETE ON reviews
BEGIN SELECT RAISE (ABORT, 'reviews: rows are appended, never deleted'); END;
CREATE TRIGGER reviews_are_not_replaced BEFORE INSERT ON reviews
WHEN EXISTS (SELECT 1 FROM reviews WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'reviews: rows are appended, never replaced'); END;
CREATE TRIGGER calls_are_not_changed BEFORE UPDATE ON calls
BEGIN SELECT RAISE (ABORT, 'calls: rows are appended, never changed'); END;
CREATE TRIGGER calls_are_not_deleted BEFORE DELETE ON calls
BEGIN SELECT RAISE (ABORT, 'calls: rows are appended, never deleted'); END;
CREATE TRIGGER calls_are_not_replaced BEFORE INSERT ON calls
WHEN EXISTS (SELECT 1 FROM calls WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'calls: rows are appended, never replaced'); END;
CREATE TRIGGER exports_are_not_changed BEFORE UPDATE ON exports
BEGIN SELECT RAISE (ABORT, 'exports: rows are appended, never changed'); END;
CREATE TRIGGER exports_are_not_deleted BEFORE DELETE ON exports
BEGIN SELECT RAISE (ABORT, 'exports: rows are appended, never deleted'); END;
CREATE TRIGGER exports_are_not_replaced BEFORE INSERT ON exports
WHEN EXISTS (SELECT 1 FROM exports WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'exports: rows are appended, never replaced'); END;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE (ABORT, 'audit: rows are appended, never changed'); END;
CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'audit: rows are appended, never replaced'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
WHEN OLD.id > (SELECT coalesce(max(until), 0) FROM audit)
BEGIN SELECT RAISE (ABORT, 'audit: rows go only when they are no longer to be kept'); END;
CREATE INDEX shapes_of ON shapes (film, reader);
CREATE TRIGGER first_shapes_are_locked BEFORE INSERT ON shapes
WHEN NEW.phase = 'first' AND EXISTS (
    SELECT 1 FROM reads WHERE reader = NEW.reader AND film = NEW.film AND event = 'revealed'
) BEGIN SELECT RAISE (ABORT, 'the first read is locked'); END;
CREATE TRIGGER shapes_are_not_changed BEFORE UPDATE ON shapes
BEGIN SELECT RAISE (ABORT, 'shapes: rows are appended, never changed'); END;
CREATE TRIGGER shapes_are_not_deleted BEFORE DELETE ON shapes
BEGIN SELECT RAISE (ABORT, 'shapes: rows are appended, never deleted'); END;
CREATE TRIGGER shapes_are_not_replaced BEFORE INSERT ON shapes
WHEN EXISTS (SELECT 1 FROM shapes WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'shapes: rows are appended, never replaced'); END;
CREATE TRIGGER judgements_are_not_changed BEFORE UPDATE ON judgements
BEGIN SELECT RAISE (ABORT, 'judgements: rows are appended, never changed'); END;
CREATE TRIGGER judgements_are_not_deleted BEFORE DELETE ON judgements
BEGIN SELECT RAISE (ABORT, 'judgements: rows are appended, never deleted'); END;
CREATE TRIGGER judgements_are_not_replaced BEFORE INSERT ON judgements
WHEN EXISTS (SELECT 1 FROM judgements WHERE id = NEW.id)
BEGIN SELECT RAISE (ABORT, 'judgements: rows are appended, never replaced'); END;
COMMIT;
