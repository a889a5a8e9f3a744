"""Holds vcpkg.json, and that of the port, against the form that `vcpkg format-manifest` gives them, and against each other:

    python3 check_manifests.py SOURCE_DIRECTORY
"""
import json
import pathlib
import re
import sys

source = pathlib.Path(sys.argv[1])
# In vcpkg's order; those that we do not use are left out.
manifest_keys = ["name", "version", "description", "homepage", "license", "supports", "dependencies", "features"]
feature_keys = ["description", "supports", "dependencies"]
dependency_keys = ["name", "host", "default-features", "features", "platform", "version>="]
problems = []


def in_order(what, value, keys):
    for key in value:
        if key not in keys:
            problems.append(f"{what} has the key {key}, which this check does not know")
    return {key: value[key] for key in keys if key in value}


def canonical_dependency(what, dependency):
    if isinstance(dependency, str):
        return dependency
    dependency = in_order(what, dependency, dependency_keys)
    if "features" in dependency:
        dependency["features"] = sorted(dependency["features"])
    return dependency["name"] if list(dependency) == ["name"] else dependency


def canonical_dependencies(what, dependencies):
    made = [canonical_dependency(what, dependency) for dependency in dependencies]
    return sorted(made, key=lambda one: one if isinstance(one, str) else one["name"])


def canonical(what, manifest):
    made = in_order(what, manifest, manifest_keys)
    made["dependencies"] = canonical_dependencies(what, made["dependencies"])
    made["features"] = {}
    for name, feature in sorted(manifest["features"].items()):
        feature = made["features"][name] = in_order(f"{what}, feature {name}", feature, feature_keys)
        feature["dependencies"] = canonical_dependencies(f"{what}, feature {name}", feature["dependencies"])
    return made


read = {}
for name in ("vcpkg.json", "packaging/vcpkg/ports/mfa-cpp/vcpkg.json"):
    text = (source / name).read_text(encoding="utf-8")
    read[name] = json.loads(text)
    expected = json.dumps(canonical(name, read[name]), indent=2, ensure_ascii=False) + "\n"
    if text != expected:
        problems.append(f"{name} is not as vcpkg format-manifest writes it; it should be:\n{expected}")
    if not re.fullmatch(r"https://\S+", read[name].get("homepage", "")):
        problems.append(f"{name} has no homepage")

# The port is the package as the root describes it, but for the tests and what builds it.
root, port = read.values()
expected = json.loads(json.dumps(root))
expected["features"].pop("tests", None)
port["dependencies"] = [one for one in port["dependencies"] if isinstance(one, str) or not one.get("host")]
if port != expected:
    problems.append("the port's manifest and that of the root differ in more than the feature tests and the build's helpers")

# Features are the components of CMakeLists.txt.
components = set(re.findall(r"mfa_component\(\s*(\w+)", (source / "cmake/MfaComponents.cmake").read_text(encoding="utf-8")))
if set(expected["features"]) != components:
    problems.append(f"features {sorted(expected['features'])}, but components {sorted(components)}")

if problems:
    sys.exit("\n".join(problems))
