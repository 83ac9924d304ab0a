# Prints what update-alternatives knows of a group, and the target of its link as `Leads:`, which is `file` for something
# other than a link, and empty for nothing.
# Needs: `group`.
# Exit codes: 0, 2 for an unknown group, or 127 without update-alternatives.

known=$(LC_ALL=C update-alternatives --query "$group" 2>/dev/null) || exit
link=$(printf '%s\n' "$known" | sed -n 's/^Link: //p')
leads=$(readlink -- "$link") || { [ ! -e "$link" ] || leads='file'; }
printf '%s\n\nLeads: %s\n' "$known" "$leads"
