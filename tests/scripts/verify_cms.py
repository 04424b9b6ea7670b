"""An independent verifier of certified messages: verify_cms.py ANCHORS.pem FILE.eml...

Shares nothing with the product or with openssl's command: it cuts the message by itself, reads the CMS
with its own small DER reader, and checks with `cryptography` the signature over the signed attributes,
the message digest over the exact octets of the signed part, and the chain up to the anchors.
"""

import base64
import hashlib
import re
import sys

try:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
except ImportError:
    sys.exit("Python's cryptography is not here: run make setup")

OIDS = {
    "content_type": bytes.fromhex("2a864886f70d010903"),
    "message_digest": bytes.fromhex("2a864886f70d010904"),
    "signing_time": bytes.fromhex("2a864886f70d010905"),
    "signed_data": bytes.fromhex("2a864886f70d010702"),
    "data": bytes.fromhex("2a864886f70d010701"),
    "sha256": bytes.fromhex("608648016503040201"),
}


def tlv(octets, at=0):
    """Tag, content and end of the DER value at `at`."""
    tag, length, start = octets[at], octets[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(octets[start:start + count], "big")
        start += count
    if start + length > len(octets):
        raise ValueError("a DER value is cut short")
    return tag, octets[start:start + length], start + length


def children(octets):
    """All values in a constructed value's content, with their whole octets."""
    found, at = [], 0
    while at < len(octets):
        tag, content, end = tlv(octets, at)
        found.append((tag, content, octets[at:end]))
        at = end
    return found


def cut(message):
    """The signed part exactly as sent, and the CMS."""
    head, _, body = message.partition(b"\r\n\r\n")
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", head)
    kind = re.search(rb"(?im)^content-type:\s*multipart/signed\s*;(.*)$", unfolded)
    if not kind:
        raise ValueError("not multipart/signed")
    boundary = re.search(rb'boundary="?([^";]+)"?', kind.group(1)).group(1).strip()
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) != 4 or not pieces[3].startswith(b"--"):
        raise ValueError("not two parts")
    content = pieces[1][2:]
    _, _, encoded = pieces[2].partition(b"\r\n\r\n")
    return content, base64.b64decode(encoded)


def issued_by(certificate, issuer):
    """Whether `issuer` is named and its RSA key signed; raises when the signature is wrong."""
    if certificate.issuer != issuer.subject:
        return False
    issuer.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes,
                               padding.PKCS1v15(), certificate.signature_hash_algorithm)
    return True


def chain_holds(leaf, others, anchors):
    """Every link signed by the next, the last of them an anchor."""
    current = leaf
    for _ in range(8):
        if any(issued_by(current, anchor) for anchor in anchors):
            return
        current = next(c for c in others if issued_by(current, c))
    raise ValueError("the chain does not end")


def read_anchors(octets):
    """All certificates of a PEM file (old versions of the library load one at a time)."""
    end = b"-----END CERTIFICATE-----\n"
    blocks = [block + end for block in octets.split(end) if b"BEGIN CERTIFICATE" in block]
    return [x509.load_pem_x509_certificate(block) for block in blocks]


def verify(message, anchors):
    """Raises when the message is not genuine."""
    content, cms = cut(message)
    _, info, end = tlv(cms)
    if end != len(cms):
        raise ValueError("octets after the CMS")
    kind, wrapped = children(info)
    if kind[1] != OIDS["signed_data"]:
        raise ValueError("not SignedData")
    signed_data = children(children(wrapped[1])[0][1])
    if len(children(signed_data[2][1])) != 1:
        raise ValueError("the content is not detached")
    signers = children(signed_data[-1][1])
    if len(signers) != 1:
        raise ValueError("not exactly one signer")
    fields = children(signers[0][1])
    serial = int.from_bytes(children(fields[1][1])[1][1], "big", signed=True)
    if children(fields[2][1])[0][1] != OIDS["sha256"]:
        raise ValueError("the digest is not SHA-256")
    attributes = next(f for f in fields if f[0] == 0xA0)
    signature = next(f for f in fields if f[0] == 0x04)[1]
    values = {}
    for _, attribute, _ in children(attributes[1]):
        name, value = children(attribute)
        values[name[1]] = children(value[1])[0][1]
    if values[OIDS["content_type"]] != OIDS["data"]:
        raise ValueError("the signed content type is not data")
    if values[OIDS["message_digest"]] != hashlib.sha256(content).digest():
        raise ValueError("the message digest differs: the content was altered")
    certificates = pkcs7.load_der_pkcs7_certificates(cms)
    leaf = next(c for c in certificates if c.serial_number == serial)
    signed = b"\x31" + attributes[2][1:]
    leaf.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
    chain_holds(leaf, certificates, anchors)
    sender = re.search(rb"(?im)^from:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", message.partition(b"\r\n\r\n")[0])
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    mail = names.get_values_for_type(x509.RFC822Name)
    if not any(f"<{m}>".encode() in sender.group(1) or m.encode() == sender.group(1).strip()
               for m in mail):
        raise ValueError("From is not the certificate's address")
    assert leaf.public_bytes(Encoding.DER)


def main():
    """Judges each file and names the first fault."""
    with open(sys.argv[1], "rb") as file:
        anchors = read_anchors(file.read())
    for name in sys.argv[2:]:
        with open(name, "rb") as file:
            try:
                verify(file.read(), anchors)
            except Exception as fault:  # every fault, of whatever kind, is a refusal
                sys.exit(f"{name}: {type(fault).__name__}: {fault}")
    print(f"{len(sys.argv) - 2} genuine")


main()
