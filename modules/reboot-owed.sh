# Prints `owed SINCE ACTION UNIT` for each note of owed work in the state directory.
# Needs: $b_base, the state directory. Exits with 0.

for b_note in "$b_base"/owed/*; do
  [ -f "$b_note" ] || continue
  IFS='	' read -r b_action b_since b_because <"$b_note"
  printf 'owed %s %s %s\n' "$b_since" "$b_action" "${b_note##*/}"
done
exit 0
