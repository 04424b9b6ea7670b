"""Reads INBOX with Python's poplib: pop_all.py PORT CA HOST USER PASSWORD FOLDER keep|delete.

Writes each message to FOLDER/UIDL.eml octet for octet, deletes them when told, and prints the number.
"""

import poplib
import socket
import ssl
import sys


def main():
    """Log in, ask for everything once, quit."""
    port, authority, host, user, password, folder, end = sys.argv[1:8]
    context = ssl.create_default_context(cafile=authority)

    class Named(poplib.POP3_SSL):
        """Connects to loopback, checks the certificate against the server's real name."""

        def _create_socket(self, timeout):
            plain = socket.create_connection(("127.0.0.1", int(port)), 60)
            return context.wrap_socket(plain, server_hostname=host)

    client = Named(host, int(port), context=context)
    capabilities = client.capa()
    for word in ("TOP", "UIDL", "USER", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE"):
        assert word in capabilities, capabilities
    client.user(user)
    client.pass_(password)
    count, octets = client.stat()
    _, sizes, _ = client.list()
    _, identifiers, _ = client.uidl()
    assert len(sizes) == len(identifiers) == count, (sizes, identifiers)
    assert len(set(identifiers)) == count, identifiers
    assert sum(int(size.split()[1]) for size in sizes) == octets, sizes
    for line in identifiers:
        number, identifier = line.decode().split()
        _, lines, _ = client.retr(number)
        message = b"".join(line + b"\r\n" for line in lines)
        assert len(message) == int(client.list(number).split()[2]), number
        _, top, _ = client.top(number, 0)
        assert lines[: len(top)] == top and top[-1] == b"", top
        with open(f"{folder}/{identifier}.eml", "wb") as file:
            file.write(message)
        if end == "delete":
            client.dele(number)
    client.noop()
    client.quit()
    print(count)


main()
