"""Sessions that readers have kept, made by the program's own words."""

from pathlib import Path

from ensemble_cam.readers.reviews import keep_review
from ensemble_cam.readers.store import Store
from ensemble_cam.readers.verdicts import Mark, Reader, Verdict, keep_film
from ensemble_cam.reviewing.review import Review
from support import films
from support.reviews import made_review


def read_by_two(folder: Path, *, count: int = 4) -> tuple[Store, list[Review]]:
    """A session in which A reads `count` films before their reveal, and B looks at the first one's maps at once."""
    store = Store.open(folder)
    reviews = [made_review(films.png(films.film(seed=seed)), top_k=3) for seed in range(count)]
    reader, other = Reader.named(store, "A"), Reader.named(store, "B")
    for number, review in enumerate(reviews):
        film = keep_film(store, review.analysis.radiograph.sha256, planted=["Mass"] if number % 2 else [])
        reader.open(film)
        if number % 3:
            reader.mark(film, Mark("Mass", (10.5 + number, 20.0), 1 + number % 5))
        kept = keep_review(store, film, review)
        reader.reveal(film, review=kept, first_read=True)
        reader.judge(film, "Mass", Verdict.UNSURE, review=kept)
        reader.judge(film, "Mass", (Verdict.AGREE, Verdict.DISAGREE)[number % 2], review=kept)
        reader.finish(film)
    first = keep_film(store, reviews[0].analysis.radiograph.sha256)
    other.open(first)
    other.reveal(first, review=keep_review(store, first, reviews[0]), first_read=False)
    other.mark(first, Mark("Hernia", (7.0, 8.0)))
    other.note(first, "=SUM(A1)", finding="Hernia")
    return store, reviews
