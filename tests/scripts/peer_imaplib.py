"""Python's imaplib with what it knows of extensions: peer_imaplib.py PORT CA HOST USER PASSWORD.

Appends a message with a header in UTF-8, switches UTF8=ACCEPT on, makes and lists a folder in UTF-8, copies
the message there, finds it, and asks for what changed since a mod-sequence.
"""

import imaplib
import re
import socket
import ssl
import sys

FOLDER = '"Attività 2026"'
MESSAGE = "From: ufficio@pec.test\r\nSubject: perché no\r\n\r\nsì\r\n".encode()


def main():
    """One session, from login to logout."""
    port, authority, host, user, password = sys.argv[1:6]
    context = ssl.create_default_context(cafile=authority)

    class Named(imaplib.IMAP4_SSL):
        """Connects to loopback, checks the certificate against the server's real name."""

        def _create_socket(self, timeout):
            plain = socket.create_connection(("127.0.0.1", int(port)), 60)
            return context.wrap_socket(plain, server_hostname=host)

    client = Named(host, int(port), ssl_context=context)
    client.login(user, password)

    def done(answer):
        status, data = answer
        assert status == "OK", data
        return data

    # Before UTF-8 is switched on: older imaplibs then write the words around a message into it.
    done(client.append("INBOX", "(\\Seen)", None, MESSAGE))
    done(client.enable("UTF8=ACCEPT"))
    done(client.create(FOLDER))
    folders = [line.decode() for line in done(client.list()) if line]
    assert any("Attività 2026" in line for line in folders), folders
    done(client.select("INBOX"))
    done(client.uid("COPY", "1", FOLDER))
    done(client.select(FOLDER))
    assert done(client.uid("SEARCH", 'SUBJECT "perché"')) == [b"1"]
    octets = done(client.uid("FETCH", "1", "(BODY.PEEK[])"))[0][1]
    assert octets == MESSAGE, octets
    before = done(client.status(FOLDER, "(HIGHESTMODSEQ)"))[0].decode()
    modseq = re.search(r"HIGHESTMODSEQ (\d+)", before).group(1)
    done(client.uid("STORE", "1", "+FLAGS.SILENT", "(\\Flagged $Pratica)"))
    changed = done(client.uid("FETCH", "1:*", f"(FLAGS) (CHANGEDSINCE {modseq})"))
    assert len(changed) == 1 and b"$Pratica" in changed[0] and b"MODSEQ" in changed[0], changed
    told, preview = done(client.uid("FETCH", "1", "(EMAILID PREVIEW)"))[0]
    assert b"EMAILID (" in told and preview.decode() == "sì", (told, preview)
    done(client.close())
    done(client.delete(FOLDER))
    client.logout()


main()
