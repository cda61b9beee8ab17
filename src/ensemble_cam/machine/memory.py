"""How much freed memory the C library keeps."""

import ctypes
import os
import sys

_M_ARENA_MAX = -8  # glibc's malloc.h
_ARENAS = 2


def keep_few_arenas() -> None:
    """Let all threads take their memory from the same two of glibc's arenas; best called before threads have their own.

    An arena hardly gives back what was freed in it, and by default every thread may have one: over 300 films of 512
    pixels a review's peak grew by 100 MB, and with two arenas by 10 MB in the first fifty films and no more, at the
    same speed. Other systems' allocators are left alone, and so is what the user set in the environment.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_M_ARENA_MAX, _ARENAS)
