"""Medians of the time to compile files that only include something, in turns: ours, and the headers that ours need.

compile_time.py REPETITIONS [FILES]: of all of them, or of so many of the first.
"""
import pathlib
import re
import resource
import statistics
import subprocess
import sys
import tempfile

include = pathlib.Path(__file__).resolve().parents[2] / "include"


def needed_headers(header):
    """What `header` and those of ours that it includes take from elsewhere, as the preprocessor finds it."""
    arguments = ["g++", "-std=c++20", "-I", include, "-H", "-E", "-x", "c++", "-", "-o", "/dev/null"]
    listing = subprocess.run(arguments, input=f"#include <{header}>\n", stderr=subprocess.PIPE, text=True, check=True)
    parents, outside = {0: True}, set()  # whether the last file at each depth is one of ours
    for dots, path in re.findall(r"^(\.+) (.*)$", listing.stderr, re.MULTILINE):
        parents[len(dots)] = pathlib.Path(path).is_relative_to(include)
        if parents[len(dots) - 1] and not parents[len(dots)]:
            outside.add(path)
    return outside


readme = (include.parent / "README.md").read_text()
example = re.search(r"```cpp\n(#include <iostream>.*?)```", readme, re.DOTALL).group(1)
bare = "".join(f'#include "{path}"\n' for path in sorted(needed_headers("mfa/mfa.hpp")))
files = {
    "the bare headers that it needs": bare,
    "`#include <mfa/mfa.hpp>`": "#include <mfa/mfa.hpp>\n",
    "the bare headers and `<iostream>`": bare + "#include <iostream>\n",
    "README's example, which uses it": example,
}
precompiled = "README's example, with `<mfa/mfa.hpp>` precompiled"
files[precompiled] = example
files["README's example, with `<mfa/compiled_verbs.hpp>`"] = "#include <mfa/compiled_verbs.hpp>\n" + example
both = "README's example, with `<mfa/compiled_verbs.hpp>` precompiled"
files[both] = example
if pathlib.Path("/usr/include/nlohmann/json.hpp").exists():
    files["`#include <nlohmann/json.hpp>`"] = "#include <nlohmann/json.hpp>\n"
    files["ten lines that use it"] = """#include <iostream>
#include <nlohmann/json.hpp>

int main() {
  nlohmann::json person = nlohmann::json::parse(std::cin);
  person["seen"] = true;
  for (const auto& [name, value] : person.items()) std::cout << name << ": " << value << '\\n';
  std::cout << person.at("name").get<std::string>() << person.dump(2) << '\\n';
}
"""
files = dict(list(files.items())[: int(sys.argv[2]) if len(sys.argv) > 2 else None])


def seconds_to_compile(path, *options):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    arguments = ["g++", "-std=c++20", "-O0", *options, "-I", include, "-c", path, "-o", "/dev/null"]
    subprocess.run(arguments, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


with tempfile.TemporaryDirectory() as directory:
    paths = {}
    for number, (what, text) in enumerate(files.items()):
        paths[what] = pathlib.Path(directory, f"{number}.cpp")
        paths[what].write_text(text)
    # As CMake's target_precompile_headers has it done.
    options = {}
    for what, included in {precompiled: "mfa/mfa.hpp", both: "mfa/compiled_verbs.hpp"}.items():
        if what not in files:
            continue
        header = pathlib.Path(directory, f"precompiled_{len(options)}.hpp")
        header.write_text(f"#include <{included}>\n")
        subprocess.run(["g++", "-std=c++20", "-O0", "-I", include, "-x", "c++-header", header], check=True)
        options[what] = ["-Winvalid-pch", "-include", header]
    times = {what: [] for what in files}
    for _ in range(int(sys.argv[1])):
        for what, path in paths.items():
            times[what].append(seconds_to_compile(path, *options.get(what, [])))

median = {what: statistics.median(of) for what, of in times.items()}
base = median["the bare headers that it needs"]
print("\n| compiling a file with (g++ -O0) | median CPU time | of the bare headers |\n| --- | ---: | ---: |")
for what, of in median.items():
    print(f"| {what} | {of:.2f} s | {of / base:.2f} |")
