"""Access rights of the page: a name belongs to the browser that entered it first; reviews need their own token."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from stages.live.page_access import has_access

PROOF_AGE_S = 400 * 86400
"""Lifetime of the cookie with the proof of a name; browsers allow 400 days at most."""


class Rights:
    """The rights of browsers. Without a token the page is open to this machine only, and everything is allowed."""

    def __init__(
        self, token: str | None, review_token: str | None, secret: str, is_used: Callable[[str], bool]
    ) -> None:
        """
        Args:
            token: of annotators.
            review_token: of reviewers; it also allows what `token` allows.
            secret: of the journal; proofs of names are computed from it.
            is_used: whether an annotator has worked under a name.
        """
        self._token, self._review_token = token, review_token
        self._secret, self._is_used = secret.encode(), is_used
        self._given: set[str] = set()

    def may_enter(self, token: str | None) -> bool:
        """Whether a token opens the page."""
        return has_access(token, self._token) or self.may_review(token)

    def may_review(self, token: str | None) -> bool:
        """Whether a token allows reviews."""
        return self._token is None if self._review_token is None else has_access(token, self._review_token)

    def proof(self, name: str) -> str:
        """The text that proves that a browser may use a name."""
        return hmac.new(self._secret, name.encode(), hashlib.sha256).hexdigest()

    def cookie(self, name: str) -> str:
        """The name of the cookie with the proof; each journal has its own, so that runs on one machine do not mix."""
        return f"name_{self.proof(f'cookie of {name}')[:24]}"

    def may_be(self, name: str, cookies: Mapping[str, str]) -> bool:
        """Whether a browser may work under a name."""
        return self._token is None or hmac.compare_digest(cookies.get(self.cookie(name), ""), self.proof(name))

    def claim_name(self, name: str, cookies: Mapping[str, str], key: str = "") -> bool:
        """Give a free name to a browser; False where the name belongs to another browser.

        A browser that has the name already, or the `key` of its personal link, gets it, too.
        """
        free = name not in self._given and not self._is_used(name)
        if not (free or self.may_be(name, cookies) or hmac.compare_digest(key.encode(), self.proof(name).encode())):
            return False
        self._given.add(name)
        return True

    def link(self, name: str) -> str:
        """The path of a personal link; the browser that opens it gets the name."""
        known = {} if self._token is None else {"token": self._token}
        return f"/?{urlencode({**known, 'who': name, 'key': self.proof(name)})}"
