"""Layered configuration: arguments over environment over file over defaults."""

from dsm_core.config.agreement import AgreementConfig
from dsm_core.config.byte_size import parse_bytes
from dsm_core.config.check import Offer, check_config
from dsm_core.config.fields import endpoints_field, sources_field
from dsm_core.config.json_schema import json_schema
from dsm_core.config.loader import ConfigSource, default_cache_dir, find_config_file, load_config
from dsm_core.config.model import CacheConfig, DefaultsConfig, DSMConfig, HttpConfig, ProviderSection
from dsm_core.config.problem import Problem
from dsm_core.config.secret import Secret
from dsm_core.config.settings import Setting, list_settings
from dsm_core.config.template import config_template
from dsm_core.config.wishlist import Wish, load_list

__all__ = [
    "AgreementConfig",
    "CacheConfig",
    "ConfigSource",
    "DSMConfig",
    "DefaultsConfig",
    "HttpConfig",
    "Offer",
    "Problem",
    "ProviderSection",
    "Secret",
    "Setting",
    "Wish",
    "check_config",
    "config_template",
    "default_cache_dir",
    "endpoints_field",
    "find_config_file",
    "json_schema",
    "list_settings",
    "load_config",
    "load_list",
    "parse_bytes",
    "sources_field",
]
