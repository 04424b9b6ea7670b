"""Reads INBOX with Python's imaplib: fetch_all.py PORT CA HOST USER PASSWORD FOLDER.

Writes each message to FOLDER/UID.eml, marks it seen, and prints the number and the envelope of each.
"""

import imaplib
import socket
import ssl
import sys


def main():
    """Log in, list, select, search, fetch, store, log out."""
    port, authority, host, user, password, folder = sys.argv[1:7]
    context = ssl.create_default_context(cafile=authority)

    class Named(imaplib.IMAP4_SSL):
        """Connects to loopback, checks the certificate against the server's real name."""

        def _create_socket(self, timeout):
            plain = socket.create_connection(("127.0.0.1", int(port)), 60)
            return context.wrap_socket(plain, server_hostname=host)

    client = Named(host, int(port), ssl_context=context)
    client.login(user, password)
    status, folders = client.list()
    assert status == "OK" and any(b"INBOX" in f for f in folders), folders
    status, count = client.select("INBOX")
    assert status == "OK", count
    status, found = client.uid("SEARCH", None, "ALL")
    assert status == "OK", found
    uids = found[0].split()
    for uid in uids:
        status, data = client.uid("FETCH", uid, "(RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])")
        assert status == "OK", data
        literal = next(d for d in data if isinstance(d, tuple) and b"BODY[]" in d[0])
        with open(f"{folder}/{uid.decode()}.eml", "wb") as file:
            file.write(literal[1])
        status, _ = client.uid("STORE", uid, "+FLAGS", "(\\Seen)")
        assert status == "OK"
    status, unseen = client.uid("SEARCH", None, "UNSEEN")
    assert status == "OK" and not unseen[0], unseen
    client.close()
    client.logout()
    print(len(uids))


main()
