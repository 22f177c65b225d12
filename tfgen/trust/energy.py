"""What work costs in energy: read from the machine's meters where it has any, else estimated from processor seconds.

RAPL   the counters of whole processor packages (Linux, Intel and AMD), often readable by root alone. Memory is not in
       them, and other programs of the machine are.
NVML   the counters of NVIDIA's cards since Volta, by `pynvml` (pip install 'tfgen[energy]').
else   seconds that this process and its ended children kept cores busy, times watts for each core.

The room's cooling and the power supply's losses are in none of them.
"""

import contextlib
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfgen.errors import UserError
from tfgen.run import Run

# The value for any processor in the table of the Green Algorithms calculator (Lannelongue, Grealey and Inouye 2021,
# https://github.com/GreenAlgorithms/green-algorithms-tool, data/latest/TDP_cpu.csv).
WATTS_PER_CORE = 12.0
WATTS_VARIABLE = "TFGEN_WATTS_PER_CORE"
POWERCAP = Path("/sys/class/powercap")
MOST_CARBON = 5000.0  # grams for a kilowatt-hour; the dirtiest power station makes a third of it
_EVERY_SECONDS = 20.0  # the counter of a package begins anew after some minutes, so it is read more often
_JOULES = 3600.0  # in a watt-hour


@dataclass(frozen=True)
class Energy:
    """What something cost.

    joules: all that is known. estimated: those of them that no meter read.
    seconds: by the clock. meters: that were read, "RAPL" and "NVML".
    watts_per_core: what the estimate took; None where there is none.
    carbon: grams of CO2 for a kilowatt-hour, as the user said; None where nobody did.
    without_gpu: whether a graphics card was at work that no meter read.
    """

    joules: float = 0.0
    estimated: float = 0.0
    seconds: float = 0.0
    meters: tuple[str, ...] = ()
    watts_per_core: float | None = None
    carbon: float | None = None
    without_gpu: bool = False

    @property
    def watt_hours(self) -> float:
        return self.joules / _JOULES

    @property
    def grams(self) -> float | None:
        """Grams of CO2; None where nobody said what electricity costs of it."""
        return None if self.carbon is None else self.watt_hours / 1000 * self.carbon

    def after(self, before: "Energy") -> "Energy":
        """Both together; what is said of carbon later holds for all."""
        return Energy(
            self.joules + before.joules,
            self.estimated + before.estimated,
            self.seconds + before.seconds,
            tuple(sorted({*self.meters, *before.meters})),
            before.watts_per_core if self.watts_per_core is None else self.watts_per_core,
            before.carbon if self.carbon is None else self.carbon,
            self.without_gpu or before.without_gpu,
        )

    def times(self, factor: float) -> "Energy":
        """That of so many times the work."""
        return replace(
            self, joules=factor * self.joules, estimated=factor * self.estimated, seconds=factor * self.seconds
        )

    def to_json(self) -> dict[str, Any]:
        """Plain numbers; `from_json` takes them back."""
        found = {
            "joules": _rounded(self.joules),
            "watt_hours": _rounded(self.watt_hours),
            "estimated_joules": _rounded(self.estimated),
            "seconds": _rounded(self.seconds),
            "meters": list(self.meters),
            "watts_per_core": self.watts_per_core,
            "grams_co2_per_kwh": self.carbon,
            "grams_co2": None if self.grams is None else _rounded(self.grams),
        }
        return {**found, "without_gpu": True} if self.without_gpu else found

    @classmethod
    def from_json(cls, value: Any) -> "Energy | None":
        """What `to_json` gave; None of anything else, such as the None of a run that has no record."""
        try:
            return cls(
                float(value["joules"]), float(value["estimated_joules"]), float(value["seconds"]),
                tuple(map(str, value["meters"])), value["watts_per_core"], value["grams_co2_per_kwh"],
                bool(value.get("without_gpu")),
            )  # fmt: skip
        except (TypeError, KeyError, ValueError, AttributeError):
            return None

    def short(self) -> str:
        """"0.31 Wh (estimated)", with grams where they are known."""
        grams = "" if self.grams is None else f"{amount(self.grams)} g of CO2, "
        return f"{amount(self.watt_hours)} Wh ({grams}{self.sort})"

    @property
    def sort(self) -> str:
        """Whether it was measured or estimated, in a word or two."""
        if not self.estimated:
            return f"measured by {' and '.join(self.meters)}" if self.meters else "estimated"
        return "partly estimated" if self.meters else "estimated"

    def in_words(self) -> str:
        """A sentence or two: how much, and how anybody knows."""
        sentence = f"{amount(self.watt_hours)} Wh ({amount(self.joules)} J)"
        if self.grams is not None:
            sentence += f", {amount(self.grams)} g of CO2 at {self.carbon:g} g/kWh"
        if self.meters:
            sentence += f", read from {' and '.join(self.meters)}"
        if self.estimated:
            sentence += f", {amount(self.estimated / _JOULES)} Wh of it" if self.meters else ","
            sentence += f" estimated with {self.watts_per_core:g} W for each busy core"
        if self.without_gpu:
            sentence += "; the graphics card is not in it"
        return f"{sentence}."


class Meter:
    """Counts from when it is made.

    As a context manager it reads RAPL's counters now and then, which is needed where minutes lie between two askings.
    """

    def __init__(self, powercap: Path | None = None):
        """`powercap` is where Linux keeps RAPL's counters."""
        self._packages = _packages(POWERCAP if powercap is None else powercap)
        self._cards = _cards()
        self._watts = None if self._packages else watts_per_core()
        self._began = time.monotonic()
        self._processor_began, self._cards_began = _processor_seconds(), self._card_joules()
        self._lock, self._closed = threading.Lock(), threading.Event()

    def __enter__(self) -> "Meter":
        if self._packages:
            threading.Thread(target=self._watch, name="tfgen-energy", daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._closed.set()

    def spent(self) -> Energy:
        """What was spent until now."""
        cards = self._card_joules() - self._cards_began
        if self._packages:
            processor, estimated, meters = self._read(), 0.0, ["RAPL"]
        else:
            estimated = processor = (_processor_seconds() - self._processor_began) * self._watts
            meters = []
        return Energy(
            processor + cards,
            estimated,
            time.monotonic() - self._began,
            (*meters, *(["NVML"] if self._cards else [])),
            self._watts,
            without_gpu=not self._cards and _has_gpu(),
        )

    def _watch(self) -> None:
        while not self._closed.wait(_EVERY_SECONDS):
            self._read()

    def _read(self) -> float:
        with self._lock:
            return sum(package.joules() for package in self._packages)

    def _card_joules(self) -> float:
        if not self._cards:
            return 0.0
        import pynvml

        return sum(pynvml.nvmlDeviceGetTotalEnergyConsumption(card) for card in self._cards) / 1000


class FitEnergy:
    """What all sessions of a run's fit cost, in its run.json; what a killed one spent counts to its last checkpoint.

    Where sessions before were not measured, as those of a tfgen from before, nothing is recorded: it would be a part.
    """

    def __init__(
        self, run: Run, meter: Meter, carbon: float | None = None, elsewhere: Callable[[], float] = lambda: 0.0
    ):
        """elsewhere: the joules that other machines have spent on this session."""
        self.meter = meter  # of this session alone
        self._elsewhere = elsewhere
        self.watts = 0.0  # mean power of training steps, once they were tried
        self._run, self._carbon = run, carbon
        from tfgen.checkpoints import newest_step

        self._before = energy_of(run.record)
        if self._before is None and not newest_step(run.checkpoints):
            self._before = Energy()

    def spent(self) -> Energy:
        """Until now, with the sessions before, as far as they are known."""
        here, others = self.meter.spent(), self._elsewhere()
        session = replace(
            here, joules=here.joules + others, estimated=here.estimated + (others if here.estimated else 0.0)
        )
        return replace(session, carbon=self._carbon).after(self._before or Energy())

    def forecast(self, seconds: float) -> Energy:
        """What so many seconds of training will cost."""
        spent = self.spent()
        joules = seconds * self.watts
        return replace(spent, joules=joules, estimated=joules if spent.estimated else 0.0, seconds=seconds)

    def record(self, **changes: Any) -> Energy | None:
        """Writes it into the run's record, with other changes of it; gives what was spent, None where nobody knows."""
        if self._before is None:
            self._run.update(**changes)
            return None
        spent = self.spent()
        self._run.update(energy=spent.to_json(), **changes)
        return spent


class SampleEnergy:
    """What drawing samples costs, where they are drawn anyway. Draw a batch first: tracing a graph costs far more."""

    def __init__(self) -> None:
        self._meter, self._count, self._total = Meter(), 0, Energy()

    @contextlib.contextmanager
    def of(self, count: int) -> Iterator[None]:
        """The block draws so many samples."""
        before = self._meter.spent()
        yield
        self._total = self._meter.spent().after(before.times(-1.0)).after(self._total)
        self._count += count

    def thousand(self) -> Energy | None:
        """What a thousand samples cost; None where none were drawn."""
        return self._total.times(1000 / self._count) if self._count else None


def watts_per_core() -> float:
    """$TFGEN_WATTS_PER_CORE, else WATTS_PER_CORE. Raises UserError where the variable is no such number."""
    value = os.environ.get(WATTS_VARIABLE)
    with contextlib.suppress(ValueError):
        watts = WATTS_PER_CORE if not value else float(value)
        if 0 < watts < 1000:
            return watts
    raise UserError(f"{WATTS_VARIABLE} is '{value}', which is no number of watts.", "Give one such as 12, or unset it.")


def check_carbon(carbon: float | None) -> None:
    """Raises UserError where that can't be the grams of CO2 for a kilowatt-hour."""
    if carbon is not None and not 0 <= carbon <= MOST_CARBON:
        raise UserError(
            f"--carbon must be grams of CO2 for a kilowatt-hour, from 0 to {MOST_CARBON:g}, not {carbon:g}.",
            "Give your electricity's, such as 380.",
        )


def energy_of(record: Mapping[str, Any] | None) -> Energy | None:
    """What a run's record, or an evaluation's, says of energy; None where it says nothing, as of runs from before."""
    return Energy.from_json((record or {}).get("energy"))


def energy_lines(record: Any) -> list[str]:
    """What an evaluation's record says of energy, in sentences; none of an evaluation from before."""
    spent = Energy.from_json(record)
    if spent is None:
        return []
    samples = Energy.from_json(record.get("thousand_samples"))
    drawn = [] if samples is None else [f"A thousand samples: {samples.in_words()}"]
    return [f"Energy: {spent.in_words()}", *drawn]


def amount(number: float) -> str:
    """Two or three digits, as people write them: 0.00031, 0.31, 12.3, 4210."""
    if not number or not math.isfinite(number):
        return "0"
    digits = 1 if abs(number) >= 1 else 1 - math.floor(math.log10(abs(number)))
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.{digits}f}"


class _Package:
    """The counter of one processor package, which begins anew at a known value."""

    def __init__(self, folder: Path):
        """Raises OSError or ValueError where it can't be read."""
        self._path = folder / "energy_uj"
        self._range = int((folder / "max_energy_range_uj").read_text())
        self._last = int(self._path.read_text())
        self._sum = 0  # microjoules

    def joules(self) -> float:
        """Since it was made."""
        with contextlib.suppress(OSError, ValueError):  # a reading that fails is made up for by the next
            now = int(self._path.read_text())
            self._sum += now - self._last + (self._range if now < self._last else 0)
            self._last = now
        return self._sum / 1e6


def _packages(powercap: Path) -> list[_Package]:
    """Those that can be read, all or none: cores, memory and others of their parts are folders below, `psys` holds them
    once more, and `intel-rapl-mmio` counts the same."""
    found = []
    try:
        for folder in sorted(powercap.glob("intel-rapl:*")):
            if folder.name.count(":") == 1 and (folder / "name").read_text().startswith("package"):
                found.append(_Package(folder))
    except (OSError, ValueError):
        return []
    return found


def _cards() -> list[Any]:
    """NVML's handles of the cards that this process may use and that count; none where one can't be read."""
    try:
        import pynvml

        pynvml.nvmlInit()
        count = pynvml.nvmlDeviceGetCount()
        chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = [*map(str, range(count))] if chosen is None else [each.strip() for each in chosen.split(",") if each]
        found = [
            pynvml.nvmlDeviceGetHandleByIndex(int(name)) if name.isdigit() else pynvml.nvmlDeviceGetHandleByUUID(name)
            for name in names
        ]
        for card in found:
            pynvml.nvmlDeviceGetTotalEnergyConsumption(card)
        return found
    except Exception:  # the library, its driver or a card's counter is not there, each with an error of its own
        return []


def _processor_seconds() -> float:
    """Those of all threads of this process, and of its children that have ended."""
    import resource

    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def _has_gpu() -> bool:
    """Whether TensorFlow, where it is loaded, has a graphics card."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and bool(tensorflow.config.list_physical_devices("GPU"))


def _rounded(number: float) -> float:
    """To six digits."""
    return float(f"{number:.6g}")
