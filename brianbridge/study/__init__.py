"""Studies: one TOML file each, from data to verdict."""

from brianbridge.study.run import run_study, train_study
from brianbridge.study.schema import Study, read_study, study_names

__all__ = ["Study", "read_study", "run_study", "study_names", "train_study"]
