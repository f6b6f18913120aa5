"""The three official sets, DyML-Vehicle, -Animal and -Product, exactly as released.

`read_release` reads a folder, `check_release` holds it against what was published, `convert` writes manifests
without copying pictures, `open_official` opens either. `judging.judge_official` judges an embedder.

Source: Sun et al., "Dynamic Metric Learning", CVPR 2021, arXiv 2103.11781.
"""

from dyml.data.channels import swap_channels
from dyml.data.official.checking import ReleaseCheck, check_release
from dyml.data.official.conversion import Converted, convert, read_converted
from dyml.data.official.opening import Official, official_folder, open_official, recorded_order
from dyml.data.official.records import Records, read_records
from dyml.data.official.release import Release, read_release
from dyml.data.official.same_files import same_files

__all__ = [
    "Converted",
    "Official",
    "Records",
    "Release",
    "ReleaseCheck",
    "check_release",
    "convert",
    "official_folder",
    "open_official",
    "read_converted",
    "read_records",
    "read_release",
    "recorded_order",
    "same_files",
    "swap_channels",
]
