"""What is said of a set and of a film beside it can be said before anything heavy is loaded."""

import subprocess
import sys

import pytest

from ensemble_cam.film.radiograph import read_radiograph
from ensemble_cam.purpose import TEACHING_LINE
from ensemble_cam.settings.sets import NO_PHANTOM, PHANTOM, SETS
from support import films


@pytest.mark.parametrize(
    ("set", "make", "expected"),
    [
        ("teaching", films.phantom_png, ()),
        ("teaching", films.png, (NO_PHANTOM,)),
        ("clinical", films.phantom_png, (PHANTOM,)),
        ("clinical", films.png, ()),
        ("site", films.phantom_png, ()),  # nobody but the site knows what its networks learned from
        ("site", films.png, ()),
    ],
)
def test_film_that_a_set_never_saw_the_like_of_has_one_sentence(set, make, expected):
    film = read_radiograph(make(films.film()))
    assert SETS[set].cautions(phantom=film.phantom) == expected


def test_teaching_set_alone_has_a_notice():
    assert {name: each.notice for name, each in SETS.items()} == {
        "clinical": None,
        "site": None,
        "teaching": TEACHING_LINE,
    }


def test_asking_loads_no_network():
    script = (
        "import sys, ensemble_cam.settings.sets;"
        "print(sorted({'torch', 'torchvision', 'torchxrayvision', 'streamlit', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
