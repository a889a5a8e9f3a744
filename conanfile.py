from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, rmdir


class MfaCpp(ConanFile):
    name = "mfa-cpp"
    version = "0.1.0"
    description = "Multi-factor authentication for C++ servers"
    license = "MIT"
    topics = ("authentication", "mfa", "2fa", "totp", "sms", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"with_sqlite": [True, False], "with_postgres": [True, False], "with_redis": [True, False],
               "with_webauthn": [True, False], "with_workos": [True, False]}
    default_options = {"with_sqlite": True, "with_postgres": False, "with_redis": False, "with_webauthn": False,
                       "with_workos": False}
    exports_sources = "CMakeLists.txt", "cmake/*", "include/*", "LICENSE"
    no_copy_source = True

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        self.requires("openssl/[>=3.0 <4]")
        self.requires("libqrencode/4.1.1")
        self.requires("libpng/[>=1.6 <2]")
        if self.options.with_sqlite:
            self.requires("sqlite3/[>=3.37 <4]")
        if self.options.with_postgres:
            self.requires("libpq/[>=14 <18]")
        if self.options.with_redis:
            self.requires("hiredis/[>=1.0 <2]")
        if self.options.with_webauthn:
            self.requires("libcbor/[>=0.8 <1]")
        if self.options.with_webauthn or self.options.with_workos:
            self.requires("nlohmann_json/[>=3.11 <4]")

    def package_id(self):
        # The package is the same headers whatever they are compiled with.
        self.info.clear()

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        deps = CMakeDeps(self)
        deps.set_property("libqrencode", "cmake_file_name", "QRencode")
        deps.set_property("libqrencode", "cmake_find_mode", "module")
        deps.set_property("libqrencode", "cmake_target_name", "QRencode::QRencode")
        deps.set_property("hiredis", "cmake_file_name", "Hiredis")
        deps.set_property("hiredis", "cmake_find_mode", "module")
        deps.set_property("hiredis", "cmake_target_name", "Hiredis::Hiredis")
        deps.set_property("libcbor", "cmake_file_name", "Libcbor")
        deps.set_property("libcbor", "cmake_find_mode", "module")
        deps.set_property("libcbor", "cmake_target_name", "Libcbor::Libcbor")
        deps.generate()
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["MFA_BUILD_TESTS"] = False
        toolchain.cache_variables["MFA_BUILD_EXAMPLES"] = False
        toolchain.generate()

    def package(self):
        copy(self, "LICENSE", self.source_folder, f"{self.package_folder}/licenses")
        cmake = CMake(self)
        cmake.configure()
        cmake.install()
        # Conan writes its own CMake package from package_info.
        rmdir(self, f"{self.package_folder}/share")

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "mfa")
        core = self.cpp_info.components["core"]
        core.set_property("cmake_target_name", "mfa::mfa")
        core.bindirs = []
        core.libdirs = []
        core.requires = ["openssl::crypto", "libqrencode::libqrencode", "libpng::libpng"]
        if self.settings.get_safe("os") in ("Linux", "FreeBSD"):
            core.system_libs = ["pthread"]
        if self.options.with_sqlite:
            sqlite = self.cpp_info.components["sqlite"]
            sqlite.set_property("cmake_target_name", "mfa::sqlite")
            sqlite.bindirs = []
            sqlite.libdirs = []
            sqlite.requires = ["core", "sqlite3::sqlite3"]
        if self.options.with_postgres:
            postgres = self.cpp_info.components["postgres"]
            postgres.set_property("cmake_target_name", "mfa::postgres")
            postgres.bindirs = []
            postgres.libdirs = []
            postgres.requires = ["core", "libpq::libpq"]
        if self.options.with_redis:
            redis = self.cpp_info.components["redis"]
            redis.set_property("cmake_target_name", "mfa::redis")
            redis.bindirs = []
            redis.libdirs = []
            redis.requires = ["core", "hiredis::hiredis"]
        if self.options.with_webauthn:
            webauthn = self.cpp_info.components["webauthn"]
            webauthn.set_property("cmake_target_name", "mfa::webauthn")
            webauthn.bindirs = []
            webauthn.libdirs = []
            webauthn.requires = ["core", "libcbor::libcbor", "nlohmann_json::nlohmann_json"]
        if self.options.with_workos:
            workos = self.cpp_info.components["workos"]
            workos.set_property("cmake_target_name", "mfa::workos")
            workos.bindirs = []
            workos.libdirs = []
            workos.requires = ["core", "nlohmann_json::nlohmann_json"]
