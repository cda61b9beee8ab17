"""What is left of a session whose writer is killed: `python benchmarks/kills.py`, 200 times at random moments.

A process of its own writes a verdict and its note in one transaction each, and says so behind each; it is killed with
SIGKILL at a moment that a seed draws, in between two writes or within one. Then the file is opened as if nothing had
happened: all that was said is there, no verdict without its note, and SQLite finds no damage.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ensemble_cam.readers.store import Store

FILM = "ab" * 32


def write_for_ever(folder: Path) -> None:
    """Write verdicts until killed, and say the number of each once it is kept."""
    with Store.open(folder) as store:
        with store.write() as file:
            file.execute("INSERT OR IGNORE INTO readers (name, at) VALUES ('A', ?)", (store.now(),))
            file.execute("INSERT OR IGNORE INTO films (sha256, at, place) VALUES (?, ?, 1)", (FILM, store.now()))
            if not file.execute("SELECT 1 FROM reads").fetchone():
                file.execute("INSERT INTO reads (reader, film, event, at) VALUES (1, 1, 'revealed', ?)", (store.now(),))
        (number,) = store.rows("SELECT count(*) FROM verdicts")[0]
        while True:
            number += 1
            with store.write() as file:
                verdict = ("agree", "disagree", "unsure")[number % 3]
                file.execute(
                    "INSERT INTO verdicts (reader, film, finding, verdict, at) VALUES (1, 1, ?, ?, ?)",
                    (str(number), verdict, store.now()),
                )
                file.execute(
                    "INSERT INTO notes (reader, film, finding, text, at) VALUES (1, 1, ?, 'note', ?)",
                    (str(number), store.now()),
                )
            print(number, flush=True)


def killed_once(folder: Path, chance: random.Random) -> tuple[int, int]:
    """Kill a writer; return the last number that it said, 0 for none, and how many verdicts are kept.

    Raises:
        AssertionError: if something that it said is not kept, is kept by half, or the file is damaged.
    """
    with subprocess.Popen(
        [sys.executable, __file__, "--write", str(folder)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        said = ""
        for _ in range(chance.randrange(0, 30)):
            said = writer.stdout.readline().strip() or said
        time.sleep(chance.uniform(0, 0.01))
        writer.kill()
        lines = writer.stdout.read().splitlines()
        said = lines[-1] if lines else said
    with Store.open(folder) as store:
        assert store.rows("PRAGMA integrity_check")[0][0] == "ok"
        verdicts = [row[0] for row in store.rows("SELECT finding FROM verdicts ORDER BY id")]
        notes = [row[0] for row in store.rows("SELECT finding FROM notes ORDER BY id")]
    assert verdicts == [str(number + 1) for number in range(len(verdicts))]
    assert notes == verdicts, "half of a transaction"
    confirmed = int(said) if said else 0
    assert len(verdicts) >= confirmed, f"{confirmed} were confirmed, {len(verdicts)} are kept"
    return confirmed, len(verdicts)


def main() -> None:
    """Kill, and say what is left."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--kills", type=int, default=200, metavar="N")
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    if given.write is not None:
        write_for_ever(given.write)
    chance, unsaid = random.Random(given.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        kept = 0
        for _ in range(given.kills):
            confirmed, now = killed_once(Path(folder), chance)
            unsaid += now > max(confirmed, kept)
            kept = now
        with Store.open(Path(folder)) as store:
            print(f"{given.kills} kills ({store.kept}): {kept} verdicts kept, none of those confirmed lost;")
    print(f"{unsaid} kills came between a write and its confirmation.")


if __name__ == "__main__":
    main()
