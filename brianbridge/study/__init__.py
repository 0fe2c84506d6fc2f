"""Studies: one TOML file each, from data to verdict.

`schema` and `entries` describe the file, `data` loads its samples, `network` builds its network,
`train` trains it, `run` does all of it, `summary` writes the numbers. May import everything but
`cli`. A new table of the file is a field of `Study`; a new option belongs in the dataclass that
uses it.
"""

from brianbridge.study.run import run_study
from brianbridge.study.schema import Study, read_study, study_names
from brianbridge.study.train import train_study

__all__ = ["Study", "read_study", "run_study", "study_names", "train_study"]
