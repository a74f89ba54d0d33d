#!/usr/bin/env bash
# Run once by Gradescope, as root, while it builds the autograder's image: installs the grader.
#
# AUTOGRADER_ROOT  instead of /autograder
# GRADER_PYTHON    a Python that has the grader already; nothing is installed then
# TORCH_INDEX      where PyTorch's build for the CPU comes from
set -euo pipefail
umask 022
unset "${!PYTHON@}"

root=${AUTOGRADER_ROOT:-/autograder}
source=$root/source
environment=$root/environment
wanted=$(cat "$source/python-version")
index=${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}
python=${GRADER_PYTHON:-$environment/bin/python}
cd "$source"

make_environment() {
  local base
  if base=$(command -v "python$wanted") && "$base" -I -c "import ensurepip, venv" 2>/dev/null; then
    "$base" -I -m venv "$environment"
  else # the image's own Python is older: fetch one, to where submissions may read it
    PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --quiet uv
    UV_PYTHON_INSTALL_DIR=$root/python python3 -m uv venv --quiet --seed --python "$wanted" "$environment"
  fi
}

if [ -z "${GRADER_PYTHON:-}" ]; then
  make_environment
  "$python" -I -m pip install --no-cache-dir --extra-index-url "$index" --constraint constraints.txt ./*.whl
fi
printf '%s\n' "$python" >python

# Submissions run as another user: they are to enter the environment, and nothing else of ours.
chmod go+x "$root"
chmod -R go-rwx "$source"

echo "What holds submissions on this machine:"
"$python" -I -m grader.cli doctor --sandbox "$(cat sandbox)" || echo "Read the problems above: see docs/gradescope.md."
