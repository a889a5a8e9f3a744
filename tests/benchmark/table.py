"""Prints the medians of Google Benchmark's JSON files, and ours as a part of each peer's."""
import collections
import json
import statistics
import sys

cpu = collections.defaultdict(list)  # ns of CPU time a call
rate = collections.defaultdict(list)  # calls a second by the clock, of all threads
for path in sys.argv[1:]:
    for run in json.load(open(path))["benchmarks"]:
        if run["run_type"] == "iteration":
            if run.get("error_occurred"):
                sys.exit(f"{run['name']}: {run['error_message']}")
            cpu[run["run_name"]].append(run["cpu_time"])
            if "items_per_second" in run:
                rate[run["run_name"]].append(run["items_per_second"])
median = {name: statistics.median(times) for name, times in cpu.items()}


def row(what, nanoseconds, ratio=""):
    print(f"| {what} | {nanoseconds:,.0f} ns | {ratio} |")


def table(title, ours, peers):
    print(f"\n| {title} | median CPU time | ours is |\n| --- | ---: | ---: |")
    row("mfa", ours)
    for name, nanoseconds in sorted(peers, key=lambda peer: peer[1]):
        row(name, nanoseconds, f"{ours / nanoseconds:.2f} of it")


def codes(drift):
    return [
        (name.split("/")[1], time)
        for name, time in median.items()
        if name.startswith("code/") and name.endswith(f"/{drift}") and not name.startswith("code/mfa/")
    ]


for drift in (1, 10, 100):
    table(f"OTP check, window of {drift} ({2 * drift + 1} codes)", median[f"code/mfa/{drift}"], codes(drift))

[verify] = [name for name in median if name.startswith("verify_challenge/")]
table(
    "verify_challenge, memory storage",
    median[verify],
    [(name.split("/")[1], time) for name, time in median.items() if name.startswith("three codes/")],
)
one, two = (
    statistics.median(of)
    for threads in (1, 2)
    for name, of in rate.items()
    if name.startswith("threads/") and name.endswith(f":{threads}")
)
print(f"\nverify_challenge: {one:,.0f} a second with 1 thread, {two:,.0f} with 2: {two / one:.2f} times as many")

peers = [(name.split("/", 1)[1], time) for name, time in median.items() if name.startswith("enrolment/lib")]
table(
    "enrolment with QR PNG data URI",
    median["enrolment/mfa"],
    peers + [("libqrencode and libpng together", sum(time for _, time in peers))],
)

if "webauthn/mfa" in median:
    table(
        "WebAuthn sign-in, P-256, from the browser's JSON to the verdict",
        median["webauthn/mfa"],
        [(name.split("/")[1], time) for name, time in median.items() if name.startswith("webauthn/lib")],
    )
    verb = "webauthn/mfa verify_challenge, memory storage"
    row("mfa, the whole verify_challenge", next(time for name, time in median.items() if name.startswith(verb)))
