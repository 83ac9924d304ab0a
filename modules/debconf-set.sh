# Sets answers in debconf's database. A question that debconf knows keeps its type.
# Needs: `package`, and on the standard input a line for each answer: the question, the type of a new question, and the
# answer, separated by spaces.
# Exit codes: 0, or that of debconf-set-selections. While another program uses the database, it is tried for a minute.

lines=$(cat) tries=30
known=$(printf '%s\n' "$lines" | while read -r question _; do printf 'METAGET %s type\n' "$question"; done |
  debconf-communicate "$package" 2>/dev/null)
selections=$(printf '%s\n' "$lines" | {
  n=0
  while IFS= read -r line; do
    n=$((n + 1)) question=${line%% *} rest=${line#* }
    type=${rest%% *} answer=${rest#* }
    case $(printf '%s\n' "$known" | sed -n "${n}p") in '0 '*) type=$(printf '%s\n' "$known" | sed -n "${n}s/^0 //p") ;; esac
    printf '%s %s %s %s\n' "$package" "$question" "$type" "$answer"
  done
})
while said=$(printf '%s\n' "$selections" | debconf-set-selections 2>&1); code=$?; [ $code != 0 ]; do
  tries=$((tries - 1))
  case $tries:$said in 0:* | *:*locked*) [ $tries -gt 0 ] || break ;; *) break ;; esac
  sleep 2
done
[ -z "$said" ] || printf '%s\n' "$said" >&2
exit $code
