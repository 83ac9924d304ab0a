# Prints update-alternatives' file about a group, and behind a form feed a line for its common link and one for the link that
# names the choice: path, type as find shows it, and target, separated by tabs. It costs one process, and `--query` four.
# Needs: `group`.
# Exit codes: 0, or 2 for an unknown group.

[ -r "/var/lib/dpkg/alternatives/$group" ] || exit 2
{
  read -r mode && read -r link && printf '%s\n%s\n' "$mode" "$link"
  while IFS= read -r line; do printf '%s\n' "$line"; done
} <"/var/lib/dpkg/alternatives/$group"
printf '\f'
find "$link" "/etc/alternatives/$group" -maxdepth 0 -printf '%p\t%y\t%l\n' 2>/dev/null
exit 0
