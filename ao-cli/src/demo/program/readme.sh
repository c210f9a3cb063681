#!/bin/sh
# Every command of textstat.sh must stand in README.md.
set -u
readme=$(cat README.md)
missing=0
for command in $(awk -F')' '/^[a-z]+\) [a-z]+ ;;$/ { print $1 }' textstat.sh); do
    case "$readme" in
    *"- \`$command\`:"*) ;;
    *)
        echo "README.md does not say what \`$command\` does"
        missing=1
        ;;
    esac
done
exit "$missing"
