"""Builds the compiled core; everything else about the package stands in pyproject.toml.

Environment variables:
    JITGYM_NATIVE=1    compile for this machine only (-march=native); without it one binary serves them all
    JITGYM_DEBUG=1     the checked variant: bounds, integer overflow and undefined behaviour; slow
    JITGYM_SANITIZE=1  as released, but unoptimised and with the compiler's checks of addresses and undefined behaviour
    JITGYM_PROFILE=1   as released, with the line numbers that a profiler needs
    JITGYM_ANNOTATE=1  also write Cython's line-by-line report, build/cython/<variant>/jitgym/_core/line.html
    CFLAGS             as usual: CFLAGS=-fopt-info-vec-optimized tells which loops are vectorised

Rebuild in place after a change of the core: ``python setup.py build_ext --inplace``.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

# Only here, not in the heads of the .pyx files, so that the debug variant can turn them round.
DIRECTIVES = {
    "boundscheck": False,
    "wraparound": False,
    "initializedcheck": False,
    "cdivision": True,  # in both variants: the two must compute the same integers
    "freethreading_compatible": True,
}
DEBUG_DIRECTIVES = DIRECTIVES | {
    "boundscheck": True,
    "initializedcheck": True,
    "nonecheck": True,
    "overflowcheck": True,
}

# The dynamics hold no float; where observations are scaled, these two keep every machine on the same bits.
UNIX_FLAGS = ["-ffp-contract=off", "-fno-math-errno"]
# For gcc: keep loops over the 16 lanes of a block as loops until the vectoriser has seen them, in full width.
LANE_LOOPS = ["--param=max-completely-peel-times=8"]
WIDE = ["-mprefer-vector-width=512"]
# Python's own flags hold -fwrapv, under which signed overflow is defined and thus not reported.
UNDEFINED = ["-fsanitize=undefined", "-fno-sanitize-recover=undefined", "-fno-wrapv"]
ADDRESS = ["-fsanitize=address", "-fno-omit-frame-pointer"]

OPENMP_PROBE = "#include <omp.h>\nint probe(void) { return omp_get_max_threads(); }\n"
PROBE = "int probe(int a) { return a + 1; }\n"


def wanted(name: str) -> bool:
    """Whether a switch in the environment is on."""
    return os.environ.get(name, "0") not in ("", "0")


class BuildCore(build_ext):
    """Chooses flags for the compiler at hand, then translates and compiles."""

    def build_extensions(self) -> None:
        """Build the core under the switches of the environment."""
        variant = next((name for name in ("debug", "sanitize") if wanted(f"JITGYM_{name.upper()}")), "release")
        # Switches change the binary and not the sources: time stamps cannot tell, so always compile.
        self.force = True
        compile_flags, link_flags, macros = self.flags(variant)
        for extension in self.extensions:
            extension.extra_compile_args += compile_flags
            extension.extra_link_args += link_flags
            extension.define_macros += macros
            (translated,) = cythonize(
                extension,
                compiler_directives=DEBUG_DIRECTIVES if variant == "debug" else DIRECTIVES,
                build_dir=f"build/cython/{variant}",  # no .c among the sources
                annotate=wanted("JITGYM_ANNOTATE"),
                force=True,
            )
            extension.sources = translated.sources
        super().build_extensions()

    def flags(self, variant: str) -> tuple[list[str], list[str], list[tuple[str, str | None]]]:
        """The compiler's flags, the linker's, and the macros."""
        checked = variant != "release"
        # the macro leaves one kernel for all processors: under checks none is fast
        macros: list[tuple[str, str | None]] = [("JITGYM_DEBUG", "1")] if checked else []
        if self.compiler.compiler_type == "msvc":
            compile_flags, link_flags, openmp = ["/Od" if checked else "/O2"], [], ["/openmp"]
        else:
            compile_flags, link_flags, openmp = list(UNIX_FLAGS), [], ["-fopenmp"]
            compile_flags += ["-O1", "-g"] if checked else ["-O3", "-g1" if wanted("JITGYM_PROFILE") else "-g0"]
            for flags in (UNDEFINED, ADDRESS) if variant == "sanitize" else (UNDEFINED,) if checked else ():
                if self.compiles(PROBE, flags):
                    compile_flags += flags
                    link_flags += flags
            for flags in () if checked else (LANE_LOOPS, WIDE):
                compile_flags += flags if self.compiles(PROBE, flags) else []
            if wanted("JITGYM_NATIVE"):
                compile_flags.append("-march=native")
                macros.append(("JITGYM_NATIVE", "1"))
        if self.compiles(OPENMP_PROBE, openmp):
            compile_flags += openmp
            link_flags += [] if self.compiler.compiler_type == "msvc" else openmp
        else:
            print("jitgym: no OpenMP here, the core is built for one thread")
        return compile_flags, link_flags, macros

    def compiles(self, source: str, flags: list[str]) -> bool:
        """Whether the compiler makes a shared library of ``source`` under ``flags``."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "probe.c")
            path.write_text(source)
            try:
                objects = self.compiler.compile([str(path)], output_dir=folder, extra_postargs=flags)
                link_flags = [] if self.compiler.compiler_type == "msvc" else flags
                self.compiler.link_shared_object(objects, str(Path(folder, "probe.so")), extra_postargs=link_flags)
            except (CompileError, LinkError):
                return False
        return True


setup(
    ext_modules=[Extension("jitgym._core.line", ["jitgym/_core/line.pyx"])],
    cmdclass={"build_ext": BuildCore},
)
