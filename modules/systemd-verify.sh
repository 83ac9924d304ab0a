# Verifies a unit. What systemd says of this unit counts, also what it would ignore; {others}, a pattern of what is said of
# other units, does not.
# Needs: {file}, the unit's file; {of_file} and {of_unit}, patterns of the lines about it.
# Exits with another code than 0 when something is wrong with the unit, which it prints on stderr.

said=$(systemd-analyze verify --man=no {file} 2>&1); exit=$?
ours=$(printf '%s\n' "$said" | grep -e {of_file} -e {of_unit})
others='{others}'
if printf '%s\n' "$ours" | grep -Eq "$others"; then exit=0; ours=$(printf '%s\n' "$ours" | grep -Ev "$others"); fi
[ -n "$ours" ] || exit 0
printf '%s\n' "$ours" >&2
[ $exit -eq 0 ] && ! printf '%s\n' "$ours" | grep -Eq 'ignoring|Unknown|not executable|Refusing|Failed to'
