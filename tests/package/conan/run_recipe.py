"""Runs conanfile.py, as written for ConanCenter too, in a stand-in of Conan, for every combination of its options:

    python3 run_recipe.py SOURCE_DIRECTORY WORK_DIRECTORY BUILD_TYPE [COMPONENT]...

Leaves in WORK_DIRECTORY/cmake a CMake package with the named components, for the tests that build against it.
"""
import itertools
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import unittest

sys.dont_write_bytecode = True  # the source directory stays as it is
import conan_stand_in
from conan_stand_in import ConanInvalidConfiguration, Exported, resolve

source, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
build_type, found = sys.argv[3], sys.argv[4:]
project_version = re.search(r"project\(mfa VERSION ([0-9.]+)", (source / "CMakeLists.txt").read_text()).group(1)
components = ["curl", "phonenumber", "postgres", "pskc", "redis", "sqlite", "webauthn", "workos"]
core_needs = {"openssl::crypto", "libqrencode::libqrencode", "libpng::libpng"}
needs = {
    "curl": {"libcurl::curl", "nlohmann_json::nlohmann_json"},
    "phonenumber": {"libphonenumber::phonenumber"},
    "postgres": {"libpq::pq"},
    "pskc": {"libxml2::libxml2"},
    "redis": {"hiredis::hiredislib"},
    "sqlite": {"sqlite3::sqlite"},
    "webauthn": {"libcbor::libcbor", "nlohmann_json::nlohmann_json"},
    "workos": {"nlohmann_json::nlohmann_json"},
}


def settings(**changes):
    chosen = {"os": "Linux", "arch": "x86_64", "build_type": build_type, "compiler": "gcc", "compiler.version": "12",
              "compiler.cppstd": "20", "compiler.libcxx": "libstdc++11"}
    return {**chosen, **{name.replace("_", ".", 1) if name.startswith("compiler_") else name: value
                         for name, value in changes.items()}}


class Recipe:
    """What holds for the recipe of the tree and for that for ConanCenter."""

    def create(self, options=None, **changes):
        return self.exported.create(settings(**changes), options)

    def test_every_combination_of_options(self):
        headers = {str(path.relative_to(source / "include")) for path in (source / "include").rglob("*.hpp")}
        for chosen in itertools.chain(*(itertools.combinations(components, n) for n in range(len(components) + 1))):
            with self.subTest(chosen):
                recipe = self.create({f"with_{component}": True for component in chosen})
                self.assertEqual(recipe.packaged, {f"include/{header}" for header in headers} | {"licenses/LICENSE"})

                info = recipe.cpp_info
                self.assertEqual(info.properties, {"cmake_file_name": "mfa", "cmake_config_version_compat": "SameMinorVersion"})
                self.assertEqual(set(info.components), {"core", *chosen})
                for name, component in {**info.components, "the whole": info}.items():
                    self.assertEqual((name, component.libdirs, component.bindirs, component.libs), (name, [], [], []))
                    self.assertEqual((name, component.includedirs), (name, ["include"]))
                # As CMake installs them: cmake/MfaLibrary.cmake.
                core = info.components["core"]
                self.assertEqual(core.properties, {"cmake_target_name": "mfa::mfa", "pkg_config_name": "mfa"})
                self.assertEqual(set(core.requires), core_needs)
                self.assertEqual(core.system_libs, ["pthread"])
                for name in chosen:
                    component = info.components[name]
                    self.assertEqual(component.properties,
                                     {"cmake_target_name": f"mfa::{name}", "pkg_config_name": f"mfa-{name}"})
                    self.assertEqual(set(component.requires), {"core"} | needs[name])
                for reference in recipe.requirements_made:
                    resolve(reference)
                self.assertTrue(recipe.info.cleared, "one package for all settings and options")

    def test_components_are_off_unless_asked_for(self):
        self.assertEqual(set(self.create().cpp_info.components), {"core"})

    def test_what_it_says_of_itself(self):
        recipe = self.create()
        self.assertEqual((recipe.name, recipe.license, recipe.package_type), ("mfa-cpp", "MIT", "header-library"))
        for text in (recipe.url, recipe.homepage, recipe.description, *recipe.topics):
            self.assertTrue(text)
        self.assertIn("header-only", recipe.topics)

    def test_no_threads_library_on_windows(self):
        self.assertEqual(self.create(os="Windows", compiler="msvc", compiler_version="193").cpp_info.components["core"].system_libs, [])

    def test_compilers(self):
        for compiler, version, changes, fits in [
                ("gcc", "11", {}, False), ("gcc", "12", {}, True), ("gcc", "12.2", {}, True), ("gcc", "9", {}, False),
                ("clang", "13", {}, False), ("clang", "14", {}, True), ("clang", "10", {}, False),
                ("clang", "15", {"compiler_libcxx": "libc++"}, False), ("clang", "16", {"compiler_libcxx": "libc++"}, True),
                ("apple-clang", "14", {}, False), ("apple-clang", "15", {}, True),
                ("msvc", "192", {}, False), ("msvc", "193", {}, True), ("unheard-of", "1", {}, True)]:
            with self.subTest(f"{compiler} {version} {changes}"):
                if fits:
                    self.create(compiler=compiler, compiler_version=version, **changes)
                else:
                    with self.assertRaisesRegex(ConanInvalidConfiguration, f"{compiler} .* or later"):
                        self.create(compiler=compiler, compiler_version=version, **changes)
        for standard, fits in [("17", False), ("gnu17", False), ("20", True), ("gnu20", True), ("23", True)]:
            with self.subTest(standard):
                if fits:
                    self.create(compiler_cppstd=standard)
                else:
                    with self.assertRaises(ConanInvalidConfiguration):
                        self.create(compiler_cppstd=standard)


class RecipeOfTheTree(Recipe, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.exported = Exported(source, work / "cache")

    def test_version_is_that_of_the_project_unless_another_is_given(self):
        self.assertEqual(self.create().version, project_version)
        self.assertEqual(Exported(source, work / "cache of another version", "9.8.7").version, "9.8.7")

    def test_conan_finds_the_test_package(self):
        recipe = self.create()
        folder = source / getattr(recipe, "test_package_folder", "test_package")
        test = conan_stand_in.load_test_package(folder / "conanfile.py")
        self.assertEqual(set(test.settings), {"os", "arch", "compiler", "build_type"})


class RecipeForConanCenter(Recipe, unittest.TestCase):
    folder = work / "conan-center/all"

    @classmethod
    def setUpClass(cls):
        cls.exported = Exported(cls.folder, work / "cache for ConanCenter", project_version)

    def test_what_conan_center_asks_for(self):
        recipe = self.create()
        self.assertIsNone(type(recipe).version, "no version attribute")
        self.assertEqual(recipe.source_subfolder, "src")
        self.assertEqual(recipe.url, "https://github.com/conan-io/conan-center-index")
        self.assertEqual(recipe.exports_sources, ())
        text = (self.folder / "conanfile.py").read_text()
        for word in ("set_version", "test_package_folder", "exports_sources", "import re\n"):
            self.assertNotIn(word, text)
        for file in ("conandata.yml", "test_package/conanfile.py", "test_package/CMakeLists.txt",
                     "test_package/test_package.cpp", "../config.yml"):
            self.assertTrue((self.folder / file).exists(), file)

    def test_version_ranges_only_where_they_are_allowed(self):
        chosen = {f"with_{component}": True for component in components}
        recipe = Exported(source, work / "cache of the tree").create(settings(), chosen)
        of_the_tree = {reference.split("/")[0]: reference for reference in recipe.requirements_made}
        for reference in self.create(chosen).requirements_made:
            package, version = reference.split("/")
            self.assertEqual((package, "[" in version), (package, package in ("openssl", "libpng")))
            if "[" not in version:
                conditions = of_the_tree[package].split("/")[1].strip("[]").split()
                self.assertTrue(all(conan_stand_in.Version(version).satisfies(c) for c in conditions), reference)


if __name__ == "__main__":
    conan_stand_in.install()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    with tarfile.open(work / "release.tar.gz", "w:gz") as archive:
        for name in ("CMakeLists.txt", "LICENSE", "include"):
            archive.add(source / name, f"mfa-cpp-{project_version}/{name}")
    subprocess.run([sys.executable, source / "packaging/conan/conan_center.py", "--url", (work / "release.tar.gz").as_uri(),
                    work / "release.tar.gz", work / "conan-center"], check=True)
    ran = unittest.main(argv=sys.argv[:1], defaultTest=["RecipeOfTheTree", "RecipeForConanCenter"], exit=False)
    chosen = {f"with_{component}": True for component in found}
    recipe = Exported(source, work / "cache").create(settings(), chosen, package_is_wanted=True)
    conan_stand_in.write_cmake_package(recipe, work / "cmake", build_type, source / "cmake")
    sys.exit(not ran.result.wasSuccessful())
