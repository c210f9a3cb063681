#!/bin/sh
# What only CI asks for: every command of textstat.sh that is new has a file notes/COMMAND.md.
set -u
missing=0
for command in $(awk -F')' '/^[ \t]*[a-z]+\)/ { gsub(/[ \t]/, "", $1); print $1 }' textstat.sh); do
    case "$command" in
    lines | words | longest) continue ;;
    esac
    if [ ! -s "notes/$command.md" ]; then
        echo "notes/$command.md is missing: every new command has one, a line that says what it counts"
        missing=1
    fi
done
exit "$missing"
