"""What is put in the place of something that is to fail."""

from collections.abc import Callable
from typing import NoReturn


def raising(error: BaseException) -> Callable[..., NoReturn]:
    """Something that does nothing but raise this, from a frame called `broken`."""

    def broken(*_: object, **__: object) -> NoReturn:
        raise error

    return broken
