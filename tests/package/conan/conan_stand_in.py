"""A stand-in of Conan 2, which no registry that the tests may use has: as much of its API as our recipes use, with its
rules about what a recipe may do. It is not Conan; docs/packaging.md says when that was run."""
import fnmatch
import functools
import hashlib
import importlib.util
import pathlib
import re
import shutil
import sys
import tarfile
import types
import urllib.parse

CONAN_VERSION = "2.3.0"  # the oldest that the recipe takes

# The targets that CMake's own modules or ours give to Debian's libraries, by what ConanCenter's recipes call them there
# (recipes of 2026-08-21).
KNOWN_COMPONENTS = {
    "openssl::crypto": ("OpenSSL", "OpenSSL::Crypto"),
    "libqrencode::libqrencode": ("QRencode", "QRencode::QRencode"),
    "libpng::libpng": ("PNG", "PNG::PNG"),
    "sqlite3::sqlite": ("SQLite3", "SQLite::SQLite3"),
    "libpq::pq": ("PostgreSQL", "PostgreSQL::PostgreSQL"),
    "hiredis::hiredislib": ("Hiredis", "Hiredis::Hiredis"),
    "libcbor::libcbor": ("Libcbor", "Libcbor::Libcbor"),
    "libcurl::curl": ("CURL", "CURL::libcurl"),
    "libphonenumber::phonenumber": ("PhoneNumber", "PhoneNumber::PhoneNumber"),
    "libxml2::libxml2": ("LibXml2", "LibXml2::LibXml2"),
    "nlohmann_json::nlohmann_json": ("nlohmann_json", "nlohmann_json::nlohmann_json"),
}
# Versions of the same recipes.
KNOWN_VERSIONS = {
    "openssl": ["3.0.21", "3.6.3", "4.0.1"],
    "libqrencode": ["4.0.0", "4.1.1"],
    "libpng": ["1.6.58"],
    "sqlite3": ["3.44.2", "3.51.3", "3.53.4"],
    "libpq": ["14.23", "15.18", "16.14", "17.7"],
    "hiredis": ["1.0.0", "1.0.2", "1.1.0", "1.2.0", "1.3.0"],
    "libcbor": ["0.7.0", "0.9.0", "0.10.2", "0.13.0"],
    # Of the recipes of February 2024, the newest that was at hand.
    "libxml2": ["2.9.14", "2.11.7", "2.12.5"],
    "libphonenumber": ["8.13.42", "9.0.14", "9.0.21", "9.0.32"],
    # Some of its releases: which of them have recipes was not looked up.
    "libcurl": ["7.79.1", "7.80.0", "8.6.0"],
    "nlohmann_json": ["3.10.5", "3.11.0", "3.11.3", "3.12.0"],
}
PROPERTIES = {"cmake_file_name", "cmake_target_name", "cmake_find_mode", "cmake_config_version_compat", "pkg_config_name"}


class ConanException(Exception):
    pass


class ConanInvalidConfiguration(ConanException):
    pass


class Version:
    def __init__(self, text):
        self.numbers = [int(number) for number in re.findall(r"\d+", str(text))]

    def __lt__(self, other):
        return self.numbers < Version(other).numbers if isinstance(other, str) else self.numbers < other.numbers

    def satisfies(self, condition):
        operator, wanted = re.fullmatch(r"(>=|<|)([\d.]+)", condition).groups()
        wanted = Version(wanted)
        return {">=": not self < wanted, "<": self < wanted, "": self.numbers == wanted.numbers}[operator]


def resolve(reference):
    """The newest known version that a requirement takes."""
    package, wanted = reference.split("/")
    conditions = wanted.strip("[]").split()
    fitting = [v for v in KNOWN_VERSIONS[package] if all(Version(v).satisfies(c) for c in conditions)]
    if not fitting:
        raise ConanException(f"no version of {package} is {wanted}")
    return max(fitting, key=lambda v: Version(v).numbers)


class Setting:
    def __init__(self, value, **sub):
        self._value = value
        self.__dict__.update(sub)

    def __str__(self):
        return self._value

    def __eq__(self, other):
        return self._value == other

    def __hash__(self):
        return hash(self._value)


class Settings:
    def __init__(self, declared, given):
        for name in declared:
            sub = {key.split(".")[1]: value for key, value in given.items() if key.startswith(name + ".")}
            setattr(self, name, Setting(given[name], **sub))

    def get_safe(self, name, default=None):
        at = self
        for part in name.split("."):
            at = getattr(at, part, default)
        return at


class Options:
    def __init__(self, declared, defaults, given):
        if set(declared) != set(defaults):
            raise ConanException("options and default_options name different options")
        for name in given:
            if name not in declared:
                raise ConanException(f"option '{name}' doesn't exist")
        self.__dict__.update({**defaults, **given})
        for name, value in self.__dict__.items():
            if value not in declared[name]:
                raise ConanException(f"'{value}' is not a value of option '{name}'")

    def get_safe(self, name, default=None):
        return getattr(self, name, default)


class CppInfo:
    def __init__(self):
        self.includedirs, self.libdirs, self.bindirs = ["include"], ["lib"], ["bin"]
        self.libs, self.system_libs, self.requires, self.defines = [], [], [], []
        self.properties = {}

    def set_property(self, name, value):
        if name not in PROPERTIES:
            raise ConanException(f"unknown property {name}")
        self.properties[name] = value


class Components(dict):
    def __missing__(self, name):
        self[name] = CppInfo()
        return self[name]


class Info:
    cleared = False

    def clear(self):
        self.cleared = True


class ConanFile:
    name = version = None
    options, default_options, settings, exports_sources = {}, {}, (), ()
    conan_data = None

    def requires(self, reference, **traits):
        if any(known.split("/")[0] == reference.split("/")[0] for known in self.requirements_made):
            raise ConanException(f"Duplicated requirement: {reference}")
        self.requirements_made.append(reference)

    @property
    def ref(self):
        return f"{self.name}/{self.version}"


def check_min_cppstd(recipe, least):
    standard = recipe.settings.get_safe("compiler.cppstd")
    if standard is None or int(standard.replace("gnu", "")) < least:
        raise ConanInvalidConfiguration(f"C++{least} is needed, not {standard}")


def basic_layout(recipe, src_folder="."):
    recipe.source_subfolder = src_folder


def copy(recipe, pattern, src, dst):
    """Copies if the package is wanted, and always tells what the package has."""
    for name in files_of(src):
        if fnmatch.fnmatch(name, pattern):
            target = pathlib.Path(dst) / name
            recipe.packaged.add(str(target.relative_to(recipe.package_folder)))
            if recipe.package_is_wanted:
                copy_file(pathlib.Path(src) / name, target)


def get(recipe, url, sha256, strip_root=False):
    """Of a file: URL: the tests have no network."""
    archive = pathlib.Path(urllib.parse.urlparse(url).path)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
        raise ConanException(f"sha256 of {url} is another")
    with tarfile.open(archive) as members:
        for member in members.getmembers():
            if strip_root:
                member.name = "/".join(member.name.split("/")[1:])
            if member.name:
                members.extract(member, recipe.source_folder)


def install():
    """Puts these in place of the modules that recipes import."""
    def module(name, **contents):
        made = types.ModuleType(name)
        made.__dict__.update(contents)
        sys.modules[name] = made

    module("conan", ConanFile=ConanFile)
    module("conan.errors", ConanInvalidConfiguration=ConanInvalidConfiguration, ConanException=ConanException)
    module("conan.tools")
    module("conan.tools.build", check_min_cppstd=check_min_cppstd, can_run=lambda recipe: True)
    module("conan.tools.files", copy=copy, get=get, load=lambda recipe, path: pathlib.Path(path).read_text(encoding="utf-8"))
    module("conan.tools.layout", basic_layout=basic_layout)
    module("conan.tools.scm", Version=Version)
    # The test package's: Conan's programs that write and run CMake, which the tests run themselves.
    module("conan.tools.cmake", CMake=object, CMakeToolchain=object, cmake_layout=lambda recipe: None)


def load_module(path):
    spec = importlib.util.spec_from_file_location("recipe_" + hashlib.sha256(str(path).encode()).hexdigest(), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    recipes = [c for c in vars(module).values() if isinstance(c, type) and issubclass(c, ConanFile) and c is not ConanFile]
    return module, recipes[0]


def load_recipe(path):
    module, recipe = load_module(path)
    needed = getattr(module, "required_conan_version", None)
    if not needed or not Version(CONAN_VERSION).satisfies(needed):
        raise ConanException(f"{path} needs Conan {needed}")
    return recipe


def load_test_package(path):
    return load_module(path)[1]


def read_conandata(path):
    """Of the one form that we write."""
    text = path.read_text()
    version, url, sha256 = re.fullmatch(
        r'sources:\n  "(.+)":\n    url: "(.+)"\n    sha256: "([0-9a-f]{64})"\n', text).groups()
    return {"sources": {version: {"url": url, "sha256": sha256}}}


def copy_file(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


@functools.lru_cache
def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*") if path.is_file())


class Exported:
    """What `conan export FOLDER` keeps: the recipe and what it exports, and nothing else of its folder."""

    def __init__(self, folder, cache, version=None):
        self.cache = pathlib.Path(cache)
        shutil.rmtree(self.cache, ignore_errors=True)
        make = load_recipe(folder / "conanfile.py")
        recipe = make()
        recipe.recipe_folder, recipe.version = str(folder), version or make.version
        if hasattr(recipe, "set_version"):
            recipe.set_version()
        if not recipe.version:
            raise ConanException("the recipe has no version")
        self.version = recipe.version
        copy_file(folder / "conanfile.py", self.cache / "export/conanfile.py")
        if (folder / "conandata.yml").exists():
            copy_file(folder / "conandata.yml", self.cache / "export/conandata.yml")
        for pattern in make.exports_sources:
            # Looked for in the folder that it names, so that a build tree beside is not read.
            inside = folder / pattern.split("/")[0] if "/" in pattern else folder
            for path in inside.rglob("*") if inside != folder else folder.glob("*"):
                name = path.relative_to(folder)
                if path.is_file() and fnmatch.fnmatch(str(name), pattern):
                    copy_file(path, self.cache / "source" / name)
        self.fetched = False

    def create(self, settings, options=None, package_is_wanted=False):
        """What `conan create` does after that, less what is required and the test package: the recipe afterwards."""
        make = load_recipe(self.cache / "export/conanfile.py")
        recipe = make()
        recipe.version, recipe.recipe_folder = self.version, str(self.cache / "export")
        if (self.cache / "export/conandata.yml").exists():
            recipe.conan_data = read_conandata(self.cache / "export/conandata.yml")
        recipe.settings = Settings(make.settings, settings)
        recipe.options = Options(make.options, make.default_options, options or {})
        recipe.requirements_made, recipe.info = [], Info()
        recipe.cpp_info = CppInfo()
        recipe.cpp_info.components = Components()
        recipe.layout()
        recipe.requirements()
        recipe.package_id()
        recipe.validate()
        recipe.source_folder = str(self.cache / "source" / recipe.source_subfolder)
        recipe.build_folder, recipe.package_folder = str(self.cache / "build"), str(self.cache / "package")
        recipe.packaged, recipe.package_is_wanted = set(), package_is_wanted
        if hasattr(recipe, "source") and not self.fetched:
            pathlib.Path(recipe.source_folder).mkdir(parents=True, exist_ok=True)
            recipe.source()
            self.fetched = True
        recipe.build()
        recipe.package()
        recipe.package_info()
        check_requires(recipe)
        return recipe


def check_requires(recipe):
    """Every component that is required exists, and every package that is required is used."""
    packages = {reference.split("/")[0] for reference in recipe.requirements_made}
    used = set()
    for name, component in recipe.cpp_info.components.items():
        for need in component.requires:
            if "::" not in need:
                if need not in recipe.cpp_info.components:
                    raise ConanException(f"component '{name}' requires '{need}', which is no component")
                continue
            if need not in KNOWN_COMPONENTS:
                raise ConanException(f"component '{name}' requires '{need}', which no recipe has")
            if need.split("::")[0] not in packages:
                raise ConanException(f"component '{name}' requires '{need}', but its package is not required")
            used.add(need.split("::")[0])
    if packages != used:
        raise ConanException(f"required but not used by a component: {sorted(packages - used)}")


def write_cmake_package(recipe, folder, build_type, module_path):
    """Config files in the form of CMakeDeps: every property is a generator expression, which may say nothing."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    file_name = recipe.cpp_info.properties["cmake_file_name"]
    if recipe.cpp_info.properties.get("cmake_config_version_compat") != "SameMinorVersion":
        raise ConanException("this stand-in writes no other version file")
    major, minor = recipe.version.split(".")[:2]
    (folder / f"{file_name}-config-version.cmake").write_text(f'''set(PACKAGE_VERSION "{recipe.version}")
if("${{PACKAGE_FIND_VERSION_MAJOR}}.${{PACKAGE_FIND_VERSION_MINOR}}" STREQUAL "{major}.{minor}"
   AND NOT PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION)
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
else()
  set(PACKAGE_VERSION_COMPATIBLE FALSE)
endif()
''')

    def only(text):
        return f"$<$<CONFIG:{build_type}>:{text}>"

    components = recipe.cpp_info.components
    text = f"list(APPEND CMAKE_MODULE_PATH {module_path})\n"
    for package in sorted({KNOWN_COMPONENTS[n][0] for c in components.values() for n in c.requires if n in KNOWN_COMPONENTS}):
        text += f"find_package({package} REQUIRED)\n"
    for component in components.values():
        target = component.properties["cmake_target_name"]
        libraries = [KNOWN_COMPONENTS[n][1] if "::" in n else components[n].properties["cmake_target_name"]
                     for n in component.requires] + component.system_libs + component.libs
        directories = [f"{recipe.package_folder}/{directory}" for directory in component.includedirs]
        text += f'''if(NOT TARGET {target})
  add_library({target} INTERFACE IMPORTED)
endif()
set_property(TARGET {target} APPEND PROPERTY INTERFACE_INCLUDE_DIRECTORIES {" ".join(map(only, directories))})
set_property(TARGET {target} APPEND PROPERTY INTERFACE_LINK_LIBRARIES {" ".join(map(only, libraries))})
set_property(TARGET {target} APPEND PROPERTY INTERFACE_COMPILE_DEFINITIONS {only("")})
set_property(TARGET {target} APPEND PROPERTY INTERFACE_COMPILE_OPTIONS
             "{only("$<$<COMPILE_LANGUAGE:CXX>:>;$<$<COMPILE_LANGUAGE:C>:>")}")
'''
    (folder / f"{file_name}-config.cmake").write_text(text)
