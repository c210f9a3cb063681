#!/bin/sh
# Runs every case in cases/: NAME.in through the command in the first line of NAME.cmd must print NAME.out.
set -u
here=$(cd "$(dirname "$0")" && pwd)
passed=0
failed=0
for command in "$here"/cases/*.cmd; do
    case=${command%.cmd}
    wanted=$(cat "$case.out")
    read -r argument <"$command"
    found=$(sh "$here/textstat.sh" "$argument" <"$case.in" 2>&1)
    if [ "$found" = "$wanted" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED ${case##*/}: wanted '$wanted', found '$found'"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
