"""The first admin of a console that nobody may log in to yet: made where somebody sits before it, else asked for."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from proxy.control_client import ControlError
from proxy.logger import get_logger

NAME: Final = "admin"

log = get_logger()


async def first_admin(ask: Callable[[str, Mapping[str, Any]], Awaitable[Any]],
                      show: Callable[[str], object] | None) -> None:
    """Make one where there is no user at all. `ask`: a verb of the daemon; `show`: writes to somebody's terminal, the
    one place where the password stands; None: nobody is there, and the log says what to do.
    """
    try:
        if await ask("users.list", {}):
            return
        if show is None:
            log.warning("console_has_no_user", text=f"nobody may log in yet: boomerang users add {NAME} --role admin")
            return
        made = await ask("users.add", {"name": NAME, "role": "admin"})
    except ControlError as error:
        log.warning("console_has_no_user", text=str(error))
        return
    show(f"boomerang: log in to the console as {NAME} with this password, which is shown once:\n{made['password']}\n")
