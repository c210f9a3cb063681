#!/bin/sh
# A stand-in for an agent's program, so that tests and the guide need no other. It takes messages by lines, and commits for
# each. Told to `ask me`, it asks first; told to `wait`, its provider lets it wait for ever.

conversation= hook=
while [ $# -gt 0 ]; do
  case $1 in
    --version) echo 'example-agent 1.0.0'; exit ;;
    --conversation) conversation=$2; shift ;;
    --hook) hook=$2; shift ;;
    --model | --may | --rules) shift ;;
    --resume) ;;
    *) echo "what is $1?" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$HOME/.example-agent"
record=$HOME/.example-agent/$conversation.jsonl

# Adds a line to the record, and calls the hook.
tell() {
  printf '%s\n' "$1" >> "$record"
  [ -z "$hook" ] || printf '{}' | eval "$hook"
}

# A text within quotes of JSON.
json() {
  printf '%s' "$1" | sed 's/[\\"]/\\&/g'
}

printf 'example-agent is ready\n> '
tell '{"kind":"began"}'
while IFS= read -r line; do
  echo working
  tell "{\"kind\":\"told\",\"text\":\"$(json "$line")\"}"
  answer=y
  case $line in
    *'ask me'*)
      printf 'May I commit? [y/n] '
      tell "{\"kind\":\"asked\",\"id\":\"$(wc -l < "$record" | tr -d ' ')\",\"text\":\"May I commit?\"}"
      read -r answer
      tell '{"kind":"answered"}'
      ;;
    *wait*)
      tell '{"kind":"waits","text":"429 too many requests"}'
      sleep 1000000
      ;;
  esac
  if [ "$answer" = y ]; then git commit --quiet --allow-empty --message "$line"; fi
  tell '{"kind":"used","model":"none","input":10,"output":2}'
  printf 'done\n> '
  tell '{"kind":"ended"}'
done
