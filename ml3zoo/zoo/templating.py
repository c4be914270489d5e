"""Templates of cards and pages: how all of them are read."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined


def templates_of(package: str, *, escaped: bool) -> Environment:
    """The templates in a package's folder ``templates``: an unknown name is an error, block tags leave no lines.

    Args:
        package: that they lie in.
        escaped: whether what is put into them is escaped, as HTML needs it.
    """
    return Environment(
        loader=PackageLoader(package),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=escaped,
    )
