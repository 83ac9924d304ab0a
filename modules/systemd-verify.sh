# Verifies a unit. Every complaint of systemd about this unit counts, even one about a thing that systemd would ignore.
# Complaints about other units, which match {others}, do not count.
# Needs: {file}, the unit's file; {of_file} and {of_unit}, patterns of the lines about it; {others}.
# Exits with a code other than 0 if the unit has a problem, which it prints on stderr.

said=$(systemd-analyze verify --man=no {file} 2>&1); exit=$?
ours=$(printf '%s\n' "$said" | grep -e {of_file} -e {of_unit})
others='{others}'
if printf '%s\n' "$ours" | grep -Eq "$others"; then exit=0; ours=$(printf '%s\n' "$ours" | grep -Ev "$others"); fi
[ -n "$ours" ] || exit 0
printf '%s\n' "$ours" >&2
[ $exit -eq 0 ] && ! printf '%s\n' "$ours" | grep -Eq 'ignoring|Unknown|not executable|Refusing|Failed to'
