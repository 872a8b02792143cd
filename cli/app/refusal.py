"""What the page is told where it asked for something that cannot be."""

from __future__ import annotations


class RefusedError(Exception):
    """Something that the page asked for is refused; the page has words for the code (static/texts.json)."""

    def __init__(self, code: str, status: int = 400, **values: object) -> None:
        """Say why.

        Args:
            code: of the reason.
            status: of the HTTP answer.
            values: that the words mention.
        """
        super().__init__(code)
        self.code, self.status, self.values = code, status, values
