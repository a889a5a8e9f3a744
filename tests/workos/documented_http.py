"""Runs what docs/http-api.md has of shell and Python as it stands there: documented_http.py PAGE API KEY.

Every question is answered as an authenticator would (RFC 6238), by the secret that was enrolled last.
"""
import base64
import hashlib
import hmac
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

page, api, key = sys.argv[1:]
text = pathlib.Path(page).read_text(encoding="utf-8")
shell = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
python = "".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
assert shell and python, "the page has nothing to run"


def control(path):
    with urllib.request.urlopen(urllib.request.Request(api + path, method="POST")) as answer:
        return answer.read().decode()


with tempfile.TemporaryDirectory() as directory:
    (pathlib.Path(directory) / "api-key").write_text(key)
    shell = re.sub(r"^api=.*$", f"api={api}", shell, count=1, flags=re.MULTILINE)
    done = subprocess.run(["sh", "-eu", "-c", shell], cwd=directory, capture_output=True, text=True, check=True)
decoder = json.JSONDecoder()
enrolled, end = decoder.raw_decode(done.stdout)
listed, _ = decoder.raw_decode(done.stdout[end:])
assert enrolled["totp"]["issuer"] == "Foo Corp", enrolled
assert [factor["id"] for factor in listed["data"]] == [enrolled["id"]], listed

names = {"api": api, "key": key, "printed": []}


def code(_prompt):
    control("/test/advance?seconds=30")
    secret = base64.b32decode(names["factor"]["totp"]["secret"])
    counter = (int(control("/test/now")) // 30).to_bytes(8, "big")
    mac = hmac.new(secret, counter, hashlib.sha1).digest()
    offset = mac[19] & 15
    return f"{(int.from_bytes(mac[offset:offset + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


names["input"] = code
names["print"] = lambda *words: names["printed"].append(words)
exec(compile(python, page, "exec"), names)
assert names["printed"][0] == ("valid",), names["printed"]
assert names["printed"][1] == ("welcome,", "u_43"), names["printed"]
assert len(names["printed"][2][0]) == 10, names["printed"]
