"""Who may do what on a page that several people reach: names belong to browsers, reviews have a token of their own."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from stages.live.page_access import has_access

PROOF_AGE_S = 400 * 86400
"""How long a browser keeps the proof of a name: the longest that browsers allow."""


class Rights:
    """The rights of a page. Without a token only this machine reaches it, and everything is allowed."""

    def __init__(
        self, token: str | None, review_token: str | None, secret: str, is_used: Callable[[str], bool]
    ) -> None:
        """
        Args:
            token: of annotators.
            review_token: of who leads the work; it opens all that `token` opens.
            secret: of the journal, from which the proofs of names are made.
            is_used: whether somebody has worked under a name.
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
        """What shows that a browser may use a name."""
        return hmac.new(self._secret, name.encode(), hashlib.sha256).hexdigest()

    def cookie(self, name: str) -> str:
        """The cookie that holds the proof; of another journal on the same machine it is another one."""
        return f"name_{self.proof(f'cookie of {name}')[:24]}"

    def may_be(self, name: str, cookies: Mapping[str, str]) -> bool:
        """Whether a browser may work under a name that was given to it."""
        return self._token is None or hmac.compare_digest(cookies.get(self.cookie(name), ""), self.proof(name))

    def take(self, name: str, cookies: Mapping[str, str], key: str = "") -> bool:
        """Whether a browser gets a name: it has it, it has the key of a personal link, or the name is free."""
        free = name not in self._given and not self._is_used(name)
        if not (free or self.may_be(name, cookies) or hmac.compare_digest(key.encode(), self.proof(name).encode())):
            return False
        self._given.add(name)
        return True

    def link(self, name: str) -> str:
        """The path of a person's own link, which gives the name to the browser that opens it."""
        known = {} if self._token is None else {"token": self._token}
        return f"/?{urlencode({**known, 'who': name, 'key': self.proof(name)})}"
