"""Which values of a checkpoint are a network's: names compared, prefixes told, all or nothing.

A training's file holds many things beside the weights, and calls these by names that its own wrappers have put a word
before. What is taken is one whole set of values, every one of the network's, or nothing:
`load_state_dict(strict=False)` loads nothing at all from a file whose names have a prefix, and does not say so.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ensemble_cam.classifiers.values import is_counter

CLASSES = ".classes.json"
"""The ending of the file of class names beside a checkpoint, in the place of the checkpoint's own."""

Shapes: TypeAlias = Mapping[str, tuple[int, ...]]

WRAPPERS = ("module", "model", "net", "network", "_orig_mod")
"""What wrappers put before a network's names: DataParallel, Lightning modules, and `torch.compile`, also in between."""
_AVERAGED = ("ema", "ema_model", "model_ema")
_COMPILED = "_orig_mod"

_MOST_DEPTH = 4
_SHOWN = 3


class DoesNotFit(Exception):
    """A checkpoint holds no whole set of a network's values.

    Attributes:
        fact: what is missing and what is not the network's, a sentence.
        remedy: what to do, a sentence.
        classes: how many classes it was trained for, where nothing but their number differs.
    """

    def __init__(self, fact: str, remedy: str, *, classes: int | None = None):
        super().__init__(f"{fact} {remedy}")
        self.fact, self.remedy, self.classes = fact, remedy, classes


@dataclass(frozen=True)
class Part:
    """A set of values in a checkpoint.

    Attributes:
        name: where it lies, such as "state_dict"; empty where the file holds nothing else.
        values: by their names in the file, without `torch.compile`'s words.
    """

    name: str
    values: Mapping[str, Any]

    @property
    def averaged(self) -> bool:
        """Whether it is a moving average of the weights, by its name."""
        return "ema" in self.name.lower().replace(".", "_").split("_")


@dataclass(frozen=True)
class Match:
    """What of a checkpoint is a network's.

    Attributes:
        values: by the network's own names, every one of them.
        told: which values were taken, in words.
    """

    values: Mapping[str, Any]
    told: str


def parts(loaded: object, *, is_value: Any) -> Iterator[Part]:
    """Yield the sets of values in what a file holds, averaged ones first, as timm takes them.

    Args:
        loaded: mappings in mappings.
        is_value: tells a tensor.
    """
    yield from sorted(_parts(loaded, "", is_value, set()), key=lambda part: not part.averaged)


def _parts(loaded: object, name: str, is_value: Any, seen: set[int]) -> Iterator[Part]:
    if not isinstance(loaded, Mapping) or name.count(".") > _MOST_DEPTH or id(loaded) in seen:
        return
    seen.add(id(loaded))
    values = {_uncompiled(key): each for key, each in loaded.items() if isinstance(key, str) and is_value(each)}
    if values:
        yield Part(name, values)
    for key, below in loaded.items():
        if isinstance(key, str):
            yield from _parts(below, f"{name}.{key}" if name else key, is_value, seen)


def _uncompiled(name: str) -> str:
    return ".".join(word for word in name.split(".") if word != _COMPILED)


def match(found: Sequence[Part], own: Shapes, *, prefix: str | None = None) -> Match:
    """Return the first whole set of a network's values.

    Args:
        found: of `parts`.
        own: the network's values' shapes.
        prefix: what stands before the network's names in the file, where that is none of `WRAPPERS`.

    Raises:
        DoesNotFit: if there is none.
    """
    tried = [(part, each) for part in found for each in _prefixes(part.values, own)]
    allowed = [(part, each) for part, each in tried if _is_allowed(each, prefix)]
    allowed.sort(key=lambda pair: not (pair[0].averaged or _is_averaged(pair[1])))
    for part, each in allowed:
        misfit = Misfit.of(part.values, own, each)
        if misfit.fits:
            return _matched(part, each, own)
    if not tried:
        raise DoesNotFit(_strangers(found, own), _REMEDY)
    part, closest = max(allowed or tried, key=lambda pair: _count(pair[0].values, own, pair[1]))
    misfit = Misfit.of(part.values, own, closest)
    other = [each for _, each in tried if each not in {pair[1] for pair in allowed}]
    fact = f"it does not fit the network: {misfit.told(part.name)}."
    raise DoesNotFit(fact, _hint(found, own, other), classes=misfit.other_classes)


_REMEDY = "Check that network, classes and file belong together."


@dataclass(frozen=True)
class Misfit:
    """How a set of values differs from a network's.

    Attributes:
        missing: names of the network that it has not, but for counters of batches.
        strange: names that it has under the prefix, and the network has not.
        misshapen: names of values of another shape, with both shapes.
    """

    missing: tuple[str, ...]
    strange: tuple[str, ...]
    misshapen: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]

    @classmethod
    def of(cls, values: Mapping[str, Any], own: Shapes, prefix: str) -> "Misfit":
        """Compare a file's values under a prefix with a network's."""
        under = {
            name.removeprefix(prefix): tuple(each.shape) for name, each in values.items() if name.startswith(prefix)
        }
        return cls(
            tuple(name for name in own if name not in under and not is_counter(name)),
            tuple(name for name in under if name not in own and not is_counter(name)),
            {name: (under[name], own[name]) for name in own if name in under and under[name] != own[name]},
        )

    @property
    def fits(self) -> bool:
        """Whether there is no difference."""
        return not (self.missing or self.strange or self.misshapen)

    @property
    def other_classes(self) -> int | None:
        """The number of classes of the file, where nothing but their number differs; None otherwise."""
        if self.missing or self.strange or not self.misshapen:
            return None
        counts = {
            theirs[0] if theirs[1:] == own[1:] else None for theirs, own in self.misshapen.values() if theirs and own
        }
        return counts.pop() if len(counts) == 1 else None

    def told(self, part: str) -> str:
        """Return what differs in words."""
        count = self.other_classes
        if count is not None:
            (_, own), *_ = self.misshapen.values()
            return f"it was trained for {count} classes, and the network has {own[0]}"
        told = [f"missing {_few(self.missing)}"] if self.missing else []
        told += [f"unexpected {_few(self.strange)}"] if self.strange else []
        for name, (theirs, own) in list(self.misshapen.items())[:1]:
            told.append(f"{name} is {theirs} and should be {own}{_more(len(self.misshapen) - 1)}")
        return "; ".join(told) + (f" (in its {part})" if part else "")


def _matched(part: Part, prefix: str, own: Shapes) -> Match:
    values = {name: part.values[prefix + name] for name in own if prefix + name in part.values}
    averaged = part.averaged or _is_averaged(prefix)
    told = f"{len(values)} values{' (averaged, EMA)' if averaged else ''}"
    told += f" of its {part.name}" if part.name else ""
    told += f', without the prefix "{prefix}"' if prefix else ""
    outside = [name for name in part.values if not name.startswith(prefix)]
    if outside:
        told += f"; {len(outside)} beside them left out ({_few(outside)})"
    return Match(values, told)


def _prefixes(values: Mapping[str, Any], own: Shapes) -> list[str]:
    """Return what stands before names of the network in a file's names, the most frequent first, each with its dot."""
    found: Counter[str] = Counter()
    for name in values:
        words = name.split(".")
        for index in range(len(words)):
            if ".".join(words[index:]) in own:
                found["".join(f"{word}." for word in words[:index])] += 1
    return [prefix for prefix, _ in found.most_common()]


def _is_allowed(prefix: str, given: str | None) -> bool:
    if given is not None:
        return prefix == (f"{given.rstrip('.')}." if given else "")
    return all(word in (*WRAPPERS, *_AVERAGED) for word in prefix.split(".")[:-1])


def _is_averaged(prefix: str) -> bool:
    return any(word in _AVERAGED for word in prefix.split("."))


def _count(values: Mapping[str, Any], own: Shapes, prefix: str) -> int:
    return sum(prefix + name in values for name in own)


def _hint(found: Sequence[Part], own: Shapes, others: Sequence[str]) -> str:
    for part in found:
        for prefix in others:
            if Misfit.of(part.values, own, prefix).fits:
                return f'All of it fits under the prefix "{prefix}": say prefix="{prefix.rstrip(".")}".'
    return _REMEDY


def _strangers(found: Sequence[Part], own: Shapes) -> str:
    if not found:
        return "it holds no weights."
    part = max(found, key=lambda each: len(each.values))
    missing = [name for name in own if not is_counter(name)]
    return f"it does not fit the network: missing {_few(missing)}; unexpected {_few(list(part.values))}."


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + _more(len(names) - _SHOWN)


def _more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""
