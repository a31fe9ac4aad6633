"""Layered configuration: arguments over environment over file over defaults."""

from dsm_core.config.loader import (
    ConfigSource,
    check_config,
    default_cache_dir,
    find_config_file,
    load_config,
)
from dsm_core.config.model import CacheConfig, DefaultsConfig, DSMConfig, HttpConfig, ProviderSection
from dsm_core.config.problem import Problem
from dsm_core.config.secret import Secret
from dsm_core.config.wishlist import Wish, load_list

__all__ = [
    "CacheConfig",
    "ConfigSource",
    "DSMConfig",
    "DefaultsConfig",
    "HttpConfig",
    "Problem",
    "ProviderSection",
    "Secret",
    "Wish",
    "check_config",
    "default_cache_dir",
    "find_config_file",
    "load_config",
    "load_list",
]
