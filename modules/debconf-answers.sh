# Prints the answers to questions in debconf's database, each in a line: the question, a tab, and the answer. In the place of
# a password stands its SHA-256. A question without an answer has an empty one, and an unknown question has no line.
# Needs: `questions`, separated by spaces.

for kind in config passwords; do
  [ -r /var/cache/debconf/$kind.dat ] || continue
  awk -v asked=" $questions " '
    function tell() { if (name != "") printf "%s\t%s\n", name, value; name = value = "" }
    /^Name: / { tell(); if (index(asked, " " substr($0, 7) " ")) name = substr($0, 7) }
    /^Value: / && name != "" { value = substr($0, 8) }
    END { tell() }' /var/cache/debconf/$kind.dat |
    if [ $kind = config ]; then cat; else
      while IFS='	' read -r question answer; do
        [ -z "$answer" ] || answer=$(printf %s "$answer" | sha256sum | cut -d' ' -f1)
        printf '%s\t%s\n' "$question" "$answer"
      done
    fi
done
