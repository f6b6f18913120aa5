"""Training: from a configuration to a run folder with a model, its measures and a report."""

from dyml.training.config import Config, load_config
from dyml.training.run import Outcome, resume, train

__all__ = ["Config", "Outcome", "load_config", "resume", "train"]
