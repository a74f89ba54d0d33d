#!/usr/bin/env bash
# Grades the submission in a student's checkout by the grader that install.sh named; its exit status is `grade`'s.
#
# PYTHON      which Python has the grader
# CHECKOUT    the student's files: data, and nothing else
# SUBMISSION  notebook, script or folder in it (.)
# OUT         an empty folder for the reports, outside the checkout
# ASSIGNMENT  a folder that the instructor keeps, seen from the grader's own checkout (the nine exercises)
# PASS_AT, SANDBOX (auto), AUDIENCE (student), FORMATS: as the command's options
set -uo pipefail

reference=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
checkout=$(realpath -- "${CHECKOUT:?names the student\'s files}") || exit 2
python=${PYTHON:?names the Python that has the grader}
out=${OUT:?names a folder for the reports}

say() { # one line, of which neither a runner nor Markdown makes anything
  local line=${1//%/%25}
  line=${line//$'\r'/ }
  echo "grade: ${1//$'\n'/ }" >&2
  if [ "${GITHUB_ACTIONS:-}" = true ]; then echo "::error title=Not graded::${line//$'\n'/ }"; fi
  if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then printf 'Not graded:\n\n    %s\n' "${1//$'\n'/ }" >>"$GITHUB_STEP_SUMMARY"; fi
}

refuse() {
  say "$1"
  exit 2
}

below() { case "$1/" in "$2"/*) true ;; *) false ;; esac }

inside() { # does the first path, or what it leads to, lie in the second?
  below "$(realpath -m -- "$1")" "$2" || below "$(realpath -ms -- "$1")" "$2"
}

submission=$(realpath -m -- "$checkout/${SUBMISSION:-.}")
below "$submission" "$checkout" || refuse "${SUBMISSION:-.} is not in the student's checkout: name a file inside it"
for trusted in "$python" "$out" "$reference"; do
  inside "$trusted" "$checkout" && refuse "$trusted lies in the student's checkout, which could change it: put it elsewhere"
done

options=(--out "$out" --format "${FORMATS:-html,json,junit,text,github}")
options+=(--sandbox "${SANDBOX:-auto}" --audience "${AUDIENCE:-student}")
if [ -n "${PASS_AT:-}" ]; then options+=(--pass-at "$PASS_AT"); fi
assignment=()
if [ -n "${ASSIGNMENT:-}" ]; then
  folder=$(cd "$reference" && realpath -ms -- "$ASSIGNMENT")
  inside "$folder" "$checkout" && refuse "the assignment lies in the student's checkout, which could change it: name one of yours"
  assignment=(--assignment "$folder")
fi

empty=$(mktemp -d)
trap 'rm -rf "$empty"' EXIT
cd "$empty" || exit 3

# Nothing of the job's variables but these, none of which Python or its libraries read code by.
clean=(HOME="${HOME:-$empty}" PATH=/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8 COLUMNS=100)
for name in TMPDIR GITHUB_ACTIONS GITHUB_STEP_SUMMARY GITHUB_WORKSPACE GITHUB_SERVER_URL GITHUB_REPOSITORY GITHUB_SHA; do
  if [ -n "${!name:-}" ]; then clean+=("$name=${!name}"); fi
done
grader=(env -i "${clean[@]}" "$python" -I -m)

if [ -d "$submission" ]; then
  submission=$("${grader[@]}" grader.commands.student_folder "$submission" "${assignment[@]}" 2>complaint) ||
    refuse "$(sed 's/^grade: //' complaint)"
fi

"${grader[@]}" grader.cli run "$submission" "${options[@]}" "${assignment[@]}" 2>complaint
status=$?
# A runner obeys what looks like its commands on either stream.
sed 's/##\[/## [/g; s/^/| /' complaint >&2
if [ "$status" -gt 1 ]; then say "$(tail -n 1 complaint | sed 's/^grade: //')" 2>/dev/null; fi
exit "$status"
