"""Each header compiles alone: headers_alone.py INCLUDE LIST... -- COMPILER [FLAG...], where the LISTs include the headers.

A header that comes after others which it includes itself finds there what it finds alone. So headers of which each
includes the one before are compiled in one go: as few goes as there can be, two at a time.
"""
import concurrent.futures
import pathlib
import re
import subprocess
import sys


def included_by(path):
    return re.findall(r"^#include [<\"](mfa/[^>\"]+\.hpp)", path.read_text(), re.MULTILINE)


def closures(include, headers):
    """What each header includes, and what that includes."""
    closed = {}

    def close(header):
        if header not in closed:
            direct = included_by(include / header)
            closed[header] = set(direct).union(*map(close, direct))
        return closed[header]

    for header in headers:
        close(header)
    return closed


def rows(headers, closed):
    """The fewest rows of headers in which each includes the one before (a matching, by augmenting paths)."""
    after, before = {}, {}

    def follow(header, tried):
        """Finds a header to come after this one, of which one that has it already may find another."""
        for larger in users[header]:
            if larger in tried:
                continue
            tried.add(larger)
            if larger not in before or follow(before[larger], tried):
                after[header], before[larger] = larger, header
                return True
        return False

    users = {header: [other for other in headers if header in closed[other]] for header in headers}
    for header in headers:
        follow(header, set())
    for first in headers:
        if first not in before:
            row = [first]
            while row[-1] in after:
                row.append(after[row[-1]])
            yield row


def complaints(row, arguments):
    source = "".join(f"#include <{header}>\n" for header in row)
    compiled = subprocess.run(arguments, input=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return compiled.stdout if compiled.returncode or compiled.stdout else ""


split = sys.argv.index("--")
include = pathlib.Path(sys.argv[1])
headers = sorted({header for path in sys.argv[2:split] for header in included_by(pathlib.Path(path))})
arguments = [*sys.argv[split + 1 :], "-std=c++20", "-I", include, "-Werror", "-fsyntax-only", "-x", "c++", "-"]
together = sorted(rows(headers, closures(include, headers)), key=len, reverse=True)
with concurrent.futures.ThreadPoolExecutor(2) as two:
    found = [said for said in two.map(lambda row: complaints(row, arguments), together) if said]
print(f"{len(headers)} headers in {len(together)} goes", *found, sep="\n")
sys.exit(1 if found or len(headers) < 100 else 0)
