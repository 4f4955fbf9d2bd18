"""What connections verify, whatever the version of Python thinks of it."""

from __future__ import annotations

import ssl

from boxwright.remote.headers import Origin
from boxwright.remote.tls import client_context, default_context


def test_certificates_are_verified_but_authorities_need_not_say_what_their_key_is_for():
    for context in (
        default_context(),
        client_context(Origin("https", "example.com", 443), verify=True, directories=()),
    ):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert not context.verify_flags & ssl.VERIFY_X509_STRICT
