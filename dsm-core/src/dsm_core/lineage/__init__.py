"""Lineage: what an answer is made of, and proof that it can be had again. ``docs/lineage.md`` tells of it."""

from dsm_core.lineage.difference import Difference, Verified
from dsm_core.lineage.lock import Locked, locked_of
from dsm_core.lineage.lock_file import read_lock, write_lock
from dsm_core.lineage.manifest import Manifest, Stretch, manifest_of
from dsm_core.lineage.verify import verify

__all__ = [
    "Difference",
    "Locked",
    "Manifest",
    "Stretch",
    "Verified",
    "locked_of",
    "manifest_of",
    "read_lock",
    "verify",
    "write_lock",
]
