"""How many threads libraries compute in, and how they wait for one another."""

import os

from ensemble_cam.machine.allotted import cores


def multiply_in_one_thread() -> None:
    """Keep NumPy's products of matrices in the thread that asks; takes effect only before NumPy is imported.

    Those of a review are small. OpenBLAS shares them out among threads of its own, which then turn in circles until the
    next one: JF Healthcare's head took 130 ms of two cores so, and takes 50 ms of one.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def wait_briefly() -> None:
    """Let OpenMP's threads sleep after a short wait, and be no more than this process has time for.

    It takes effect only before PyTorch is imported.

    By default they spin for milliseconds. Where anything else wants a core, spinning threads keep it from the one they
    wait for, at every step of a network: on two busy cores a review took 3 to 15 s instead of 1.7 s. Sleeping at once
    (`OMP_WAIT_POLICY=PASSIVE`) costs a quarter more on idle cores; a thousand turns first cost nothing on either.
    With one core's time on two cores DenseNet121 took PyTorch 100 ms in two threads, and takes 76 in one.
    What the user set in the environment stands.
    """
    if cores() < (os.cpu_count() or 1):
        os.environ.setdefault("OMP_NUM_THREADS", str(cores()))
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # GCC's OpenMP: PyTorch for Linux
        os.environ.setdefault("KMP_BLOCKTIME", "1")  # Intel's and LLVM's, in ms: PyTorch for Windows and macOS


def draw_in(threads: int) -> None:
    """Have OpenCV compute in so many threads; by default it has one for each core.

    Those wait for one another by turning in circles. Where several pictures are drawn at once, in threads of this
    program's own or in processes, they only take time from one another: a sixth of what a review's drawing takes.
    """
    import cv2

    cv2.setNumThreads(threads)
