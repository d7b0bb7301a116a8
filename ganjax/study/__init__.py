"""The main job: would generated images help? Arms, paired replicates, a sealed test, a verdict."""

from ganjax.study.run import dry_run, study

__all__ = ["dry_run", "study"]
