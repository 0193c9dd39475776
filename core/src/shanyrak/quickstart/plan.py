"""Who works in the first run, what each was granted, and what each submits: plain data, no code that acts.

The organisations are invented samples. The amounts are chosen so that two processors make the later work
wait (about twenty processor-seconds in all), and so that one request is larger than the whole grant
it would be paid from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent / "programs"
DATA = Path(__file__).resolve().parent / "data"
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Project:
    """A project and its grant: `cpu_seconds` from the programme `programme`."""

    id: str
    organisation: str
    sector: str
    title: str
    programme: str
    cpu_seconds: int


@dataclass(frozen=True, slots=True)
class Workload:
    """One submission. `argv` has the placeholders `{python}`, `{programs}`, `{data}`: see `command`.

    Work of one project shares one working folder; `outputs` are paths in it. `after` is the label of an
    earlier entry of the same project. `memory` is in bytes. `expected` is how it should end: `done`, `failed`
    (then with `exit_code`), `walltime` or `refused`; `why` says what it is here to show.
    """

    project: str
    label: str
    argv: tuple[str, ...]
    walltime_s: int
    why: str
    cpus: int = 1
    memory: int = 256 * MIB
    array: str = ""
    after: str = ""
    outputs: tuple[str, ...] = ()
    expected: str = "done"
    exit_code: int = 0

    @property
    def key(self) -> str:
        """The idempotency key: the same submission sent twice is one workload."""
        return f"quickstart-{self.label}"

    @property
    def env(self) -> dict[str, str]:
        """As many threads as processors: without a limit the libraries take all that they see, which few engines hide."""
        return dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(self.cpus))

    def command(self, python: str) -> list[str]:
        """The words to execute, with `python` as the interpreter."""
        places = {"{python}": python, "{programs}": str(PROGRAMS), "{data}": str(DATA)}
        words = list(self.argv)
        for name, value in places.items():
            words = [word.replace(name, value) for word in words]
        return words


def program(name: str, *words: str) -> tuple[str, ...]:
    """The command of a program; with `-P` no file beside it takes the place of a library."""
    return ("{python}", "-P", f"{{programs}}/{name}.py", *words)


PROJECTS: tuple[Project, ...] = (
    Project("steppe-vision", "Steppe Vision LLP", "startup", "Reading handwritten forms", "startups", 1200),
    Project("saryarka-learning", "Saryarka University", "university", "How digits are learned", "science", 2400),
    Project("ertis-retail", "Ertis Retail JSC", "business", "Planning heat and staff", "industry", 600),
    Project(
        "climate-desk",
        "Office of Public Statistics",
        "public",
        "Evidence for climate and energy",
        "public-services",
        1200,
    ),
    Project("first-steps", "Open School of Computing", "learner", "A first hour of computing", "learners", 300),
)

WORKLOADS: tuple[Workload, ...] = (
    Workload(
        "steppe-vision",
        "train",
        program("train_digits", "--data", "{data}/digits.csv.gz"),
        walltime_s=60,
        outputs=("digits-network.npz", "training.json"),
        why="trains a neural network on handwritten digits, with a checkpoint after each epoch",
    ),
    Workload(
        "saryarka-learning",
        "sweep",
        program("sweep_point", "--data", "{data}/digits.csv.gz"),
        walltime_s=20,
        array="0-15",
        outputs=("sweep",),
        why="sixteen points of a parameter search: one array, one row in the queue",
    ),
    Workload(
        "climate-desk",
        "co2-trend",
        program("co2_trend", "--data", "{data}/co2-mauna-loa.csv"),
        walltime_s=30,
        outputs=("co2-trend.json", "co2-trend.svg"),
        why="a policy question on open data, answered with its uncertainty",
    ),
    Workload(
        "climate-desk",
        "power-mix",
        program("power_mix", "--data", "{data}/iowa-electricity.csv"),
        walltime_s=30,
        outputs=("power-mix.json", "power-mix.svg"),
        why="a plan judged on the years after it was made",
    ),
    Workload(
        "climate-desk",
        "check-delivery",
        program("check_table", "{data}/us-employment-cut.csv"),
        walltime_s=10,
        expected="failed",
        exit_code=3,
        why="a delivery that broke off in transfer: the check says in which line, and the work fails",
    ),
    Workload(
        "ertis-retail",
        "leading-sectors",
        program("leading_sectors", "--data", "{data}/us-employment.csv"),
        walltime_s=4,
        outputs=("leading-sectors.json",),
        expected="walltime",
        why="a search of some minutes with a walltime of four seconds: ended, its last checkpoint kept",
    ),
    Workload(
        "first-steps",
        "first-program",
        program("first_program"),
        cpus=2,
        walltime_s=30,
        outputs=("first-program.json",),
        why="a learner's first program, on two processors at once",
    ),
    Workload(
        "first-steps",
        "an-hour",
        program("first_program", "--seconds", "600"),
        walltime_s=3600,
        expected="refused",
        why="asks for 3,600 cpu-seconds of a grant of 300: refused, with the nearest request that would pass",
    ),
    Workload(
        "ertis-retail",
        "heating",
        program("heating_forecast", "--data", "{data}/seattle-weather.csv"),
        walltime_s=30,
        outputs=("heating-forecast.json",),
        why="a forecast that a business needs each day, judged beside plain rules",
    ),
    Workload(
        "steppe-vision",
        "predict",
        program("predict_digits", "--data", "{data}/digits.csv.gz"),
        walltime_s=30,
        after="train",
        outputs=("predictions.csv",),
        why="inference with the network that was trained before it",
    ),
    Workload(
        "steppe-vision",
        "assess",
        program("assess_predictions", "predictions.csv"),
        walltime_s=30,
        after="predict",
        outputs=("assessment.json",),
        why="how sure the accuracy is: the third link of a chain",
    ),
    Workload(
        "saryarka-learning",
        "components",
        program("nearest_digits", "--data", "{data}/digits.csv.gz"),
        walltime_s=30,
        outputs=("components.json", "components.svg"),
        why="short work that may fill a gap while wider work waits",
    ),
    Workload(
        "saryarka-learning",
        "sweep-best",
        program("sweep_best", "--data", "{data}/digits.csv.gz"),
        walltime_s=20,
        after="sweep",
        outputs=("sweep-best.json",),
        why="starts when all sixteen points are there",
    ),
)
