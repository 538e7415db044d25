#!/usr/bin/env bash
# Builds sdist and wheel (the wheel from the sdist, so that the sdist is known to be complete), looks into both, installs
# one after the other into a new environment, and there, outside the repository, steps lines with the compiled core.
# PYTHON names an interpreter that has `build`.
set -euo pipefail
cd "$(dirname "$0")/.."
repo=$PWD
python=$(realpath -s "${PYTHON:-.venv/bin/python}")

rm -rf build/dist
mkdir -p build
"$python" -m build --outdir build/dist . >build/packages.log 2>&1 || { cat build/packages.log; exit 1; }
"$python" .ci/look_inside.py build/dist/*.whl build/dist/*.tar.gz

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" -m venv "$work/venv"
pip() { "$work/venv/bin/python" -m pip --quiet --disable-pip-version-check --no-input "$@"; }
for package in build/dist/*.whl build/dist/*.tar.gz; do
  echo "== $(basename "$package")"
  pip install -c constraints.txt "$package"
  (cd "$work" && venv/bin/python "$repo/.ci/try_install.py" "$repo" && venv/bin/jitgym --help >/dev/null)
  pip uninstall --yes jitgym # the dependencies stay: they are the same for both
done
