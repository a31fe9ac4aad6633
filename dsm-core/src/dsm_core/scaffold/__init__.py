"""A provider package to begin with: what ``dsm new-provider`` writes."""

from dsm_core.scaffold.naming import ProviderName, check_free
from dsm_core.scaffold.package import new_provider, render_package

__all__ = ["ProviderName", "check_free", "new_provider", "render_package"]
