import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load
from conan.tools.layout import basic_layout
from conan.tools.scm import Version

required_conan_version = ">=2.3"

# The versions that this library works with: ranges, so that a program's own choice fits. What goes to ConanCenter, which
# has rules about ranges, is written by packaging/conan/conan_center.py.
VERSIONS = {
    "openssl": "[>=3.0 <4]",
    "libpng": "[>=1.6 <2]",
    "libqrencode": "4.1.1",
    "sqlite3": "[>=3.37 <4]",
    "libpq": "[>=14 <18]",
    "hiredis": "[>=1.0 <2]",
    "libcbor": "[>=0.8 <1]",
    "libxml2": "[>=2.9 <3]",
    "libcurl": "[>=7.80 <9]",
    "libphonenumber": "[>=8.12 <10]",
    "nlohmann_json": "[>=3.11 <4]",
}

# What the core and each component need, by the names of the other packages' components.
CORE = ["openssl::crypto", "libqrencode::libqrencode", "libpng::libpng"]
COMPONENTS = {
    "curl": ["libcurl::curl", "nlohmann_json::nlohmann_json"],
    "phonenumber": ["libphonenumber::phonenumber"],
    "postgres": ["libpq::pq"],
    "pskc": ["libxml2::libxml2"],
    "redis": ["hiredis::hiredislib"],
    "sqlite": ["sqlite3::sqlite"],
    "webauthn": ["libcbor::libcbor", "nlohmann_json::nlohmann_json"],
    "workos": ["nlohmann_json::nlohmann_json"],
}


class MfaCppConan(ConanFile):
    name = "mfa-cpp"
    description = "Multi-factor authentication for C++ servers"
    license = "MIT"
    url = "https://mfa-cpp.example"
    homepage = "https://mfa-cpp.example"
    topics = ("authentication", "multi-factor-authentication", "2fa", "totp", "sms", "webauthn", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    # All off: a component is asked for by name, as in vcpkg and find_package.
    options = {f"with_{component}": [True, False] for component in COMPONENTS}
    default_options = {f"with_{component}": False for component in COMPONENTS}
    no_copy_source = True
    # For the recipe in the project's own tree.
    exports_sources = "include/*", "LICENSE"
    test_package_folder = "packaging/conan/test_package"

    def set_version(self):
        project = load(self, os.path.join(self.recipe_folder, "CMakeLists.txt"))
        self.version = self.version or re.search(r"project\(mfa VERSION ([0-9.]+)", project).group(1)

    def layout(self):
        basic_layout(self)
    # End of what is for the project's own tree.

    @property
    def _components(self):
        return {name: needs for name, needs in COMPONENTS.items() if self.options.get_safe(f"with_{name}")}

    def requirements(self):
        needs = CORE + [need for component in self._components.values() for need in component]
        for package in dict.fromkeys(need.split("::")[0] for need in needs):
            self.requires(f"{package}/{VERSIONS[package]}")

    def package_id(self):
        # The package is the same headers whatever they are compiled with.
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)
        compiler = str(self.settings.compiler)
        minimum = {"gcc": "12", "clang": "14", "apple-clang": "15", "msvc": "193"}.get(compiler)
        if compiler == "clang" and self.settings.get_safe("compiler.libcxx") == "libc++":
            minimum = "16"  # the first whose std::ranges has the algorithms
        if minimum and Version(self.settings.compiler.version) < minimum:
            raise ConanInvalidConfiguration(f"{self.ref} needs {compiler} {minimum} or later")

    def build(self):
        pass

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", os.path.join(self.source_folder, "include"), os.path.join(self.package_folder, "include"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "mfa")
        # Before 1.0, a minor version may change the API.
        self.cpp_info.set_property("cmake_config_version_compat", "SameMinorVersion")
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self._add_component("core", "mfa", CORE)
        if self.settings.os in ("Linux", "FreeBSD"):
            self.cpp_info.components["core"].system_libs = ["pthread"]
        for name, needs in self._components.items():
            self._add_component(name, f"mfa-{name}", ["core"] + needs)

    def _add_component(self, name, pkg_config_name, requires):
        component = self.cpp_info.components[name]
        component.set_property("cmake_target_name", "mfa::mfa" if name == "core" else f"mfa::{name}")
        component.set_property("pkg_config_name", pkg_config_name)
        component.bindirs = []
        component.libdirs = []
        component.requires = requires
