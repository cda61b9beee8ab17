"""What a process may use of its machine, by files as Linux has them."""

import os

import pytest

from ensemble_cam.machine import allotted, mounts

GIB = 2**30


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A function that lays out a machine of eight cores and 64 GiB: groups, mounts, files of groups → numbers."""

    def lay_out(own: str, mounted: list[str], files: dict[str, str]) -> None:
        (tmp_path / "own").write_text(own)
        (tmp_path / "mounts").write_text("".join(line.format(tmp_path) + "\n" for line in mounted))
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")

    monkeypatch.setattr(allotted, "_OWN_GROUPS", tmp_path / "own")
    monkeypatch.setattr(mounts, "_TOLD", tmp_path / "mounts")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(os, "sysconf", {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 64 * GIB // 4096}.__getitem__)
    return lay_out


SECOND = ["31 23 0:28 / {}/cgroup rw shared:9 - cgroup2 cgroup rw,nsdelegate"]
FIRST = [
    "32 31 0:29 {1} {{}}/cpu rw - cgroup cgroup rw,cpu,cpuacct",
    "33 31 0:30 {1} {{}}/memory rw - cgroup cgroup rw,memory",
    "34 31 0:31 / {{}}/unified rw - cgroup2 cgroup2 rw",
]


def first(root: str) -> list[str]:
    return [line.format(None, root) for line in FIRST]


@pytest.mark.parametrize(
    ("own", "mounted", "files", "cores", "memory"),
    [
        ("0::/\n", SECOND, {}, 8, 64),
        ("0::/\n", SECOND, {"cgroup/cpu.max": "max 100000", "cgroup/memory.max": "max"}, 8, 64),
        ("0::/\n", SECOND, {"cgroup/cpu.max": "150000 100000", "cgroup/memory.max": str(3 * GIB)}, 2, 3),
        ("0::/\n", SECOND, {"cgroup/cpu.max": "20000 100000"}, 1, 64),
        ("0::/\n", SECOND, {"cgroup/cpu.max": "6400000 100000", "cgroup/memory.max": str(99 * GIB)}, 8, 64),
        (
            "0::/system.slice/app.service\n",
            SECOND,
            {
                "cgroup/system.slice/cpu.max": "300000 100000",
                "cgroup/system.slice/app.service/cpu.max": "500000 100000",
                "cgroup/system.slice/app.service/memory.max": str(4 * GIB),
                "cgroup/system.slice/memory.max": str(16 * GIB),
                "cgroup/other.slice/cpu.max": "100000 100000",
            },
            3,
            4,
        ),
        (
            "5:memory:/other\n4:cpu,cpuacct:/job\n0::/\n",
            first("/"),
            {
                "cpu/cpu.cfs_quota_us": "-1",
                "cpu/cpu.cfs_period_us": "100000",
                "cpu/job/cpu.cfs_quota_us": "400000",
                "cpu/job/cpu.cfs_period_us": "100000",
                "memory/memory.limit_in_bytes": "9223372036854771712",
                "cpu/other/cpu.cfs_quota_us": "100000",
                "cpu/other/cpu.cfs_period_us": "100000",
                "memory/other/memory.limit_in_bytes": str(2 * GIB),
                "unified/job/cpu.max": "100000 100000",
            },
            4,
            2,
        ),
        (
            "5:memory:/docker/1a\n4:cpu,cpuacct:/docker/1a\n",
            first("/docker/1a"),
            {
                "cpu/cpu.cfs_quota_us": "200000",
                "cpu/cpu.cfs_period_us": "50000",
                "memory/memory.limit_in_bytes": str(GIB),
            },
            4,
            1,
        ),
        (
            "0::/../elsewhere\n",
            SECOND,
            {"cgroup/cpu.max": "200000 100000", "elsewhere/cpu.max": "100000 100000"},
            2,
            64,
        ),
        ("0::/\n", SECOND, {"cgroup/cpu.max": "", "cgroup/memory.max": "much"}, 8, 64),
        ("", [], {}, 8, 64),
    ],
)
def test_least_of_all_limits_above_a_process_holds(machine, own, mounted, files, cores, memory):
    machine(own, mounted, files)

    assert allotted.cores() == cores
    assert allotted.memory() == memory * GIB


def test_without_control_groups_it_is_what_the_system_tells(machine, tmp_path, monkeypatch):
    machine("", [], {})
    (tmp_path / "own").unlink()
    (tmp_path / "mounts").unlink()
    assert (allotted.cores(), allotted.memory()) == (8, 64 * GIB)

    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    monkeypatch.delattr(os, "sysconf")
    assert (allotted.cores(), allotted.memory()) == (1, None)
