#!/usr/bin/env bash
# Installs the grader of this checkout into an environment of its own, and prints which Python has it.
#
# GRADER_HOME    where the environment goes: outside the student's checkout
# GRADER_PYTHON  a Python that has the grader already; nothing is installed then
# BASE_PYTHON    what the environment is made with (python3)
# TORCH_INDEX    where PyTorch's build for the CPU comes from
set -euo pipefail

reference=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
base=${BASE_PYTHON:-python3}
index=${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}
environment=${GRADER_HOME:?says where the environment goes}/environment
python=${GRADER_PYTHON:-$environment/bin/python}

# Python looks into the folder it is started in and where its variables point; a checkout could be either.
mkdir -p "$GRADER_HOME/empty"
cd "$GRADER_HOME/empty"
unset "${!PYTHON@}"

if [ -z "${GRADER_PYTHON:-}" ]; then
  "$base" -I -m venv "$environment" >&2
  "$python" -I -m pip install --disable-pip-version-check --extra-index-url "$index" \
    --constraint "$reference/constraints.txt" "$reference" >&2
fi
"$python" -I -m grader.cli --version >&2
echo "$python"
