"""IMAPClient with what it knows of extensions: peer_imapclient.py PORT CA HOST USER PASSWORD.

Folders in UTF-8, CONDSTORE, IDLE, MOVE, quota, SORT and THREAD, each as the library offers it; prints the
number of messages that it read.
"""

import socket
import ssl
import sys

import imapclient


def main():
    """One session, from login to logout."""
    port, authority, host, user, password = sys.argv[1:6]
    context = ssl.create_default_context(cafile=authority)
    # The certificate is of the server's name, and the server is on loopback.
    known = socket.getaddrinfo

    def resolved(name, *rest, **more):
        return known("127.0.0.1" if name == host else name, *rest, **more)

    socket.getaddrinfo = resolved
    client = imapclient.IMAPClient(host, int(port), ssl_context=context, timeout=60)
    client.login(user, password)
    for word in (b"CONDSTORE", b"QRESYNC", b"IDLE", b"MOVE", b"SORT", b"IMAP4REV2"):
        assert client.has_capability(word), word
    assert client.enable("CONDSTORE") == [b"CONDSTORE"]
    name = "Attività & R"
    client.create_folder(name)
    assert any(folder == name for _, _, folder in client.list_folders())
    selected = client.select_folder("INBOX")
    assert selected[b"HIGHESTMODSEQ"] > 0, selected
    uids = client.search("ALL")
    # Those of one instant stay in the order of the folder (RFC 5256, section 3).
    arrived = client.sort("REVERSE ARRIVAL")
    dates = client.fetch(uids, ["INTERNALDATE"])
    shown = [dates[uid][b"INTERNALDATE"] for uid in arrived]
    assert sorted(arrived) == uids and shown == sorted(shown, reverse=True), arrived
    assert len(client.thread("REFERENCES")) == len(uids)
    read = client.fetch(uids, ["BODY.PEEK[]", "FLAGS", "ENVELOPE", "MODSEQ"])
    assert all(message[b"BODY[]"] and message[b"MODSEQ"] for message in read.values())
    before = selected[b"HIGHESTMODSEQ"]
    client.add_flags(uids[:1], [imapclient.FLAGGED])
    changed = client.fetch(uids, ["FLAGS"], [f"CHANGEDSINCE {before}"])
    assert list(changed) == uids[:1], changed
    client.idle()
    assert client.idle_check(timeout=0.01) == []
    client.idle_done()
    client.copy(uids[:1], name)
    client.select_folder(name)
    client.move([1], "Trash")
    assert client.search("ALL") == []
    assert client.get_quota_root("INBOX")
    assert client.folder_status("Trash", ["MESSAGES", "HIGHESTMODSEQ"])[b"MESSAGES"] == 1
    client.delete_folder(name)
    client.logout()
    print(len(read))


main()
