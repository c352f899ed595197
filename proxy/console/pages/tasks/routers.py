"""The pages of this folder, in the order in which a path is looked for among them."""

from typing import Final

from fastapi import APIRouter

from proxy.console.pages.tasks import callback, callbacks, desk

ROUTERS: Final[tuple[APIRouter, ...]] = (callbacks.router, callback.router, desk.router)
