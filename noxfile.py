"""Run the tests with each version that we claim: `make test-versions`.

With uv, nox makes an environment for each session, and gets a Python that the machine lacks. The
sessions, in this order:

dist
    Build wheel and sdist, and check what an index page would show.
wheel
    Install the wheel alone, for each Python, and use it from an empty folder.
tests
    Run the tests, for each Python with the newest packages, and with older ones.

``nox --list`` has their names. A session runs less if told so:
``nox -s "tests(3.13)" -- tests/parity``.
"""

import shutil
from pathlib import Path

import nox

nox.options.default_venv_backend = "uv"
# A version that is skipped must not look like one that passed.
nox.options.error_on_missing_interpreters = True

PYTHONS = ("3.11", "3.12", "3.13")
#: What is installed beside the package. The newest Brian2 is 2.9 for Python 3.11, 2.10 for 3.12.
PACKAGES = {
    "3.11-oldest": ["--resolution", "lowest-direct"],  # all lower bounds of pyproject.toml
    **{python: [] for python in PYTHONS},
    # Of `make test-second`: what is released later does not change it.
    "3.13-brian2-2.10": ["brian2==2.10.1", "torch==2.13.0", "--exclude-newer", "2026-11-30"],
}
#: The commands that a wheel alone must run, and the statuses that say that they did.
COMMANDS = {
    "study run iris_spike_count --out iris": [0, 1, 3],
    "verify digits_spike_count --data digits --out digits": [0],
    "inspect digits_spike_count": [0],
    "inspect iris/fold0/spikes.h5 --check": [0],
}


@nox.session
def dist(session: nox.Session) -> None:
    """Build wheel and sdist."""
    session.install("build[uv]", "twine")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("pyproject-build", "--installer", "uv")
    session.run("twine", "check", "--strict", *map(str, sorted(Path("dist").iterdir())))


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """Use the wheel of `dist` alone, from an empty folder."""
    (built,) = Path("dist").glob("*.whl")
    session.install(str(built))
    empty = session.create_tmp()
    session.chdir(empty)
    for command, statuses in COMMANDS.items():
        session.run("brianbridge", *command.split(), success_codes=statuses)
    for report in ("iris/fold0/report.html", "digits/report.html"):
        if not Path(report).is_file():
            session.error(f"{report} is missing")


@nox.session
@nox.parametrize(
    "python, packages",
    [nox.param(name.split("-")[0], asked, id=name) for name, asked in PACKAGES.items()],
)
def tests(session: nox.Session, packages: list[str]) -> None:
    """Run the tests, or those that are named."""
    session.install("-e", ".[test]", *packages)
    session.install("--no-deps", "-r", "frameworks.txt")
    session.run("pytest", "-n", "auto", *session.posargs, env={"OMP_NUM_THREADS": "1"})
