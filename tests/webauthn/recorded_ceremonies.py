"""Fetches the recordings that recorded_ceremonies.cpp runs, and writes them in the form in which it reads them.

    python3 tests/webauthn/recorded_ceremonies.py DIRECTORY    # writes DIRECTORY/ceremonies.json

Other libraries publish their test suites in packages of npm and Debian. Their recordings stay there: recorded_ceremonies.json
beside this names the packages, by version and SHA-256, the files in them, and for each ceremony the bytes that it consists
of, by the first 16 digits of their SHA-256, and what is to come of it. The files are kept in DIRECTORY. What cannot be
fetched is named, also under "missing", and its ceremonies are left out; it exits with 77 then.

npm keeps every version, and Debian those of its releases. Of a package that is in no release yet (go-webauthn 0.16.1,
webauthn-rs-core 0.5.5) a newer version takes the place: name that one and its sum. Bytes that it still has are found.
"""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded_ceremonies.json")
APT_HELPER = "/usr/lib/apt/apt-helper"
SECONDS = 60  # for each command


def digest(data):
    return hashlib.sha256(data).hexdigest()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def run(command):
    """What it wrote; empty if it failed."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


# ---- Packages


def archive_of(package, directory):
    """Where the registry's client puts it."""
    if "debian" in package:
        return os.path.join(directory, os.path.basename(package["debian"]))
    name, version = package["npm"].rsplit("@", 1)
    return os.path.join(directory, name.lstrip("@").replace("/", "-") + "-" + version + ".tgz")


def folder_of(package, directory):
    return archive_of(package, directory) + ".files"


def has_files(package, directory):
    return all(os.path.exists(os.path.join(folder_of(package, directory), file)) for file in package["files"])


def mirrors():
    """Those that apt is set up with. Their pools hold the packages of all releases."""
    used = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"]).split()
    return used or re.findall(r"'(\S+)dists/", run(["apt-get", "update", "--print-uris"]))  # before any update


def fetch(packages, directory):
    of_npm = [package["npm"] for package in packages if "npm" in package]
    if of_npm and shutil.which("npm"):
        for package in of_npm:  # One that is not there would keep back all others.
            run(["npm", "pack", "--silent", "--ignore-scripts", "--fetch-retries=1", "--fetch-retry-mintimeout=1000",
                 "--pack-destination", directory, package])
    of_debian = [package for package in packages if "debian" in package]
    if of_debian and os.path.exists(APT_HELPER):
        for mirror in dict.fromkeys(mirrors()):
            wanted = []
            for package in of_debian:
                if not os.path.exists(archive_of(package, directory)):
                    wanted += [mirror + package["debian"], archive_of(package, directory), "SHA256:" + package["sha256"]]
            if wanted:
                run([APT_HELPER, "download-file"] + wanted)


def tar_in(archive):
    """A Debian package is an archive of `ar` with a tar file of its files in it; all others are tar files."""
    if not archive.startswith(b"!<arch>\n"):
        return archive
    at = 8
    while at < len(archive):
        name, size = archive[at:at + 16], int(archive[at + 48:at + 58])
        if name.startswith(b"data.tar"):
            return archive[at + 60:at + 60 + size]
        at += 60 + size + size % 2
    raise ValueError("no data.tar in it")


def unpack(package, directory):
    path = archive_of(package, directory)
    if not os.path.exists(path):
        return
    archive = read(path)
    os.remove(path)
    if digest(archive) != package["sha256"]:
        print(os.path.basename(path) + " is another file than recorded_ceremonies.json names", file=sys.stderr)
        return
    with tarfile.open(fileobj=io.BytesIO(tar_in(archive))) as tar:
        wanted = set(package["files"])
        for member in tar:
            name = member.name.split("/", 1)[-1]  # without the folder that all are in
            if name in wanted:
                kept = os.path.join(folder_of(package, directory), name)
                os.makedirs(os.path.dirname(kept), exist_ok=True)
                with open(kept, "wb") as file:
                    file.write(tar.extractfile(member).read())
                wanted.remove(name)
            if not wanted:
                return


# ---- Bytes in the text of a program

BETWEEN_PARTS = re.compile(r"""(["'`])\s*[+.]?\s*\1""")  # of a literal
RUN = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
HEXADECIMAL = re.compile(r"(?:0x)?(?:[0-9A-Fa-f]{2})+")
NUMBER = r"(?:0[xX][0-9A-Fa-f]{1,2}|[0-9]{1,3})"
NUMBERS = re.compile(r"(?:%s\s*,\s*){15,}%s" % (NUMBER, NUMBER))
PEM = re.compile(r"-----BEGIN PUBLIC KEY-----(.*?)-----END", re.DOTALL)


def from_base64(text):
    text = text.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(text + "=" * (-len(text) % 4)) if len(text) % 4 != 1 else b""


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def bytes_in(text):
    """All that a literal of the text may stand for."""
    text = BETWEEN_PARTS.sub("", text.replace("\\/", "/"))
    for match in RUN.findall(text):
        yield from_base64(match)
        if HEXADECIMAL.fullmatch(match):
            yield bytes.fromhex(match[2:] if match.startswith("0x") else match)
    for match in NUMBERS.findall(text):
        numbers = [int(number, 16 if number[:2].lower() == "0x" else 10) for number in re.findall(NUMBER, match)]
        if max(numbers) < 256:
            yield bytes(numbers)
    for match in PEM.findall(text):
        yield from_base64(re.sub(r"\\n|[^A-Za-z0-9+/]", "", match))


# ---- Ceremonies


def credential_in(attestation_object):
    """The id (WebAuthn section 6.5.1), and what follows it, which begins with the COSE key."""
    at = attestation_object.index(b"\x68authData") + 9
    size = {0x58: 1, 0x59: 2}[attestation_object[at]]
    length = int.from_bytes(attestation_object[at + 1:at + 1 + size], "big")
    data = attestation_object[at + 1 + size:at + 1 + size + length]
    end_of_id = 55 + int.from_bytes(data[53:55], "big")
    return data[55:end_of_id], data[end_of_id:]


def registered_key(attestation_object):
    rest = credential_in(attestation_object)[1]
    return rest[:size_of_cbor(rest)]


def size_of_cbor(data):
    """Of the item at the beginning (RFC 8949), as far as COSE keys need it."""
    kind, low = data[0] >> 5, data[0] & 31
    head = 1 + (1 << low - 24 if 24 <= low < 28 else 0)
    value = int.from_bytes(data[1:head], "big") if head > 1 else low
    if kind in (2, 3):
        return head + value
    items = {4: value, 5: 2 * value}.get(kind, 0)
    for _ in range(items):
        head += size_of_cbor(data[head:])
    return head


def es256_key(point):
    return b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + point[:32] + b"\x22\x58\x20" + point[32:]


def key_in(subject_public_key_info):
    """As a COSE key: an uncompressed point of P-256, or an RSA key of 2048 bits with the exponent 65537."""
    if len(subject_public_key_info) == 91:
        return es256_key(subject_public_key_info[-64:])
    if len(subject_public_key_info) == 294:
        return b"\xa4\x01\x03\x03\x39\x01\x00\x20\x59\x01\x00" + subject_public_key_info[-261:-5] + b"\x21\x43\x01\x00\x01"
    raise ValueError("no such key")


def ceremony(row, known):
    """As recorded_ceremonies.cpp reads it. KeyError if a part of it is missing."""
    parts = {"client", "object", "data", "signature", "key", "id", "handle"}
    written = {name: value for name, value in row.items() if name not in parts}
    client = known[row["client"]]
    told = json.loads(client.decode("utf-8-sig"))
    written.update(challenge=told["challenge"], origin=told["origin"])
    response = {"clientDataJSON": base64url(client)}
    if row["type"] == "create":
        attestation_object = known[row["object"]]
        response["attestationObject"] = base64url(attestation_object)
        identity = known[row["id"]] if "id" in row else credential_in(attestation_object)[0]
    else:
        response["authenticatorData"] = base64url(known[row["data"]])
        response["signature"] = base64url(known[row["signature"]])
        kind, names = next(iter(row["key"].items()))
        found = [known[name] for name in names.split()]
        key = {"object": registered_key, "cose": lambda data: data, "spki": key_in, "point": es256_key}
        written["key"] = base64url(key[kind](b"".join(found)))
        if kind == "object":
            identity = credential_in(found[0])[0]
        else:  # Where the source leaves it out, it is the key's fingerprint.
            identity = known[row["id"]] if "id" in row else hashlib.sha256(found[0]).digest()
        if "handle" in row:
            written["handle"] = response["userHandle"] = base64url(known[row["handle"]])
    identity = base64url(identity)
    written["response"] = {"id": identity, "rawId": identity, "type": "public-key", "response": response,
                           "clientExtensionResults": {"appid": True} if "appid" in row else {}}
    return written


def main():
    directory = os.path.abspath(sys.argv[1])
    output = os.path.join(directory, "ceremonies.json")
    made_of = digest(read(TABLE) + read(__file__))
    if os.path.exists(output):
        before = json.loads(read(output))
        if before["made_of"] == made_of and not before["missing"]:
            return
    os.makedirs(directory, exist_ok=True)
    table = json.loads(read(TABLE))
    wanting = [package for package in table["packages"] if not has_files(package, directory)]
    fetch(wanting, directory)
    for package in wanting:
        unpack(package, directory)
    known, missing = {}, []
    for package in table["packages"]:
        if not has_files(package, directory):
            missing.append(package.get("npm") or os.path.basename(package["debian"]))
            continue
        for file in package["files"]:
            text = read(os.path.join(folder_of(package, directory), file)).decode("utf-8", "replace")
            known.update((digest(data)[:16], data) for data in bytes_in(text))
    ceremonies, left_out = [], []
    for row in table["ceremonies"]:
        try:
            ceremonies.append(ceremony(row, known))
        except KeyError:
            left_out.append(row["at"])
    if left_out and not missing:
        sys.exit("not found in their packages: " + ", ".join(left_out))
    with open(output, "w", encoding="utf-8") as file:
        json.dump({"made_of": made_of, "missing": missing, "ceremonies": ceremonies}, file, indent=1)
    if missing:
        print("could not fetch " + ", ".join(missing) + "; " + str(len(ceremonies)) + " ceremonies are left")
        sys.exit(77)  # which CTest shows as skipped


main()
