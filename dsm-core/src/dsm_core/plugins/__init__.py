"""The plugin contract: what a provider writes, how it is found, and the registry.

Names are loaded when first used, so that listing providers imports no Arrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsm_core.lazy import loader

if TYPE_CHECKING:
    from dsm_core.plugins.answer import Answer
    from dsm_core.plugins.archive import ArchiveClient
    from dsm_core.plugins.auth import Authenticator, AuthStatus, LoginRequest
    from dsm_core.plugins.context import ClientContext
    from dsm_core.plugins.granularity import Granularity
    from dsm_core.plugins.hookspecs import hookimpl
    from dsm_core.plugins.interface import DataClientInterface
    from dsm_core.plugins.paged import PagedClient, PageRequest
    from dsm_core.plugins.provider import Provider, SymbolInfo
    from dsm_core.plugins.registry import Registry
    from dsm_core.plugins.spec import ClientSpec, Rolling, Since, Unlimited
    from dsm_core.plugins.task import Task

__all__ = [
    "Answer",
    "ArchiveClient",
    "AuthStatus",
    "Authenticator",
    "ClientContext",
    "ClientSpec",
    "DataClientInterface",
    "Granularity",
    "LoginRequest",
    "PageRequest",
    "PagedClient",
    "Provider",
    "Registry",
    "Rolling",
    "Since",
    "SymbolInfo",
    "Task",
    "Unlimited",
    "hookimpl",
]

_HOMES = {
    "Answer": "answer",
    "ArchiveClient": "archive",
    "AuthStatus": "auth",
    "Authenticator": "auth",
    "ClientContext": "context",
    "ClientSpec": "spec",
    "DataClientInterface": "interface",
    "Granularity": "granularity",
    "LoginRequest": "auth",
    "PageRequest": "paged",
    "PagedClient": "paged",
    "Provider": "provider",
    "Registry": "registry",
    "Rolling": "spec",
    "Since": "spec",
    "SymbolInfo": "provider",
    "Task": "task",
    "Unlimited": "spec",
    "hookimpl": "hookspecs",
}

__getattr__ = loader(__name__, _HOMES, globals())
