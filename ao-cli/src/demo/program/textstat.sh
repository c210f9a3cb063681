#!/bin/sh
# textstat: small facts about a text on standard input.
# Usage: textstat.sh COMMAND < TEXT
set -eu

lines() {
    awk 'END { print NR }'
}

words() {
    awk '{ count += NF } END { print count + 0 }'
}

longest() {
    awk '{ for (i = 1; i <= NF; i++) if (length($i) >= best) { best = length($i); word = $i } } END { print word }'
}

case "${1:-}" in
lines) lines ;;
words) words ;;
longest) longest ;;
*)
    echo "usage: textstat.sh lines|words|longest" >&2
    exit 2
    ;;
esac
