#!/usr/bin/env python3
"""Writes what ConanCenter takes as recipes/mfa-cpp, from the recipe at the root and a release's archive:

    python3 packaging/conan/conan_center.py --url URL ARCHIVE OUTPUT

URL is where ARCHIVE, a .tar.gz, is published. OUTPUT is a new folder, such as conan-center-index/recipes/mfa-cpp.
"""
import argparse
import hashlib
import pathlib
import re
import shutil
import sys

root = pathlib.Path(__file__).resolve().parents[2]

# ConanCenter lets openssl and libpng be ranges. Of the others it wants one version: its newest on 2026-08-21.
VERSIONS = {
    "sqlite3": "3.53.4",
    "libpq": "17.7",
    "hiredis": "1.3.0",
    "libcbor": "0.13.0",
    "libxml2": "2.12.5",  # of February 2024; take the newest
    "libphonenumber": "9.0.32",
    "libcurl": "8.6.0",  # one of its releases; take the newest
    "nlohmann_json": "3.12.0",
}


def center_recipe(recipe):
    def replace(pattern, by):
        nonlocal recipe
        recipe, count = re.subn(pattern, lambda _: by, recipe, flags=re.DOTALL)
        if count != 1:
            sys.exit(f"conanfile.py has {count} places that match {pattern!r}, not 1: adapt packaging/conan/conan_center.py")

    replace(r"import re\n", "")
    replace("import copy, load", "import copy, get")
    replace(r"# The versions that this library works with: .*?\nVERSIONS", "VERSIONS")
    for package, version in VERSIONS.items():
        replace(rf'"{package}": "[^"]*"', f'"{package}": "{version}"')
    replace(r'    url = "[^"]*"', '    url = "https://github.com/conan-io/conan-center-index"')
    replace(r"    # For the recipe in the project's own tree\..*# End of what is for the project's own tree\.\n",
            '\n    def layout(self):\n        basic_layout(self, src_folder="src")\n')
    replace(r"    def build\(self\):", '''    def source(self):
        get(self, **self.conan_data["sources"][self.version], strip_root=True)

    def build(self):''')
    return recipe


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--url", required=True)
    arguments.add_argument("archive", type=pathlib.Path)
    arguments.add_argument("output", type=pathlib.Path)
    given = arguments.parse_args()

    project = (root / "CMakeLists.txt").read_text(encoding="utf-8")
    version = re.search(r"project\(mfa VERSION ([0-9.]+)", project).group(1)
    sha256 = hashlib.sha256(given.archive.read_bytes()).hexdigest()

    every_version = given.output / "all"
    shutil.copytree(root / "packaging/conan/test_package", every_version / "test_package",
                    ignore=shutil.ignore_patterns("build", "CMakeUserPresets.json"))
    (given.output / "config.yml").write_text(f'versions:\n  "{version}":\n    folder: all\n')
    (every_version / "conandata.yml").write_text(
        f'sources:\n  "{version}":\n    url: "{given.url}"\n    sha256: "{sha256}"\n')
    (every_version / "conanfile.py").write_text(center_recipe((root / "conanfile.py").read_text(encoding="utf-8")))


main()
