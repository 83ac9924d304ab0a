# Prints what /etc/passwd, /etc/group and /etc/shadow say about accounts and groups: `group NAME:GID:MEMBERS` for each group,
# `primary NAME:GID` for each account, and for each named account `user` with its line and `shadow NAME:PASSWORD:DAY`, in
# which PASSWORD is `!` if it is locked, followed by `x` if there is one.
# Needs: $r_names, separated by blanks. Only root reads /etc/shadow.

r_shadow=/etc/shadow
[ -r $r_shadow ] || r_shadow=
awk -F: -v names="$r_names" '
  BEGIN { n = split(names, word, " "); for (i = 1; i <= n; i++) wanted[word[i]] = 1 }
  FILENAME == "/etc/group" { print "group " $1 ":" $3 ":" $4; next }
  FILENAME == "/etc/passwd" { print "primary " $1 ":" $4; if ($1 in wanted) print "user " $0; next }
  $1 in wanted { print "shadow " $1 ":" ($2 ~ /^!/ ? "!" : "") ($2 ~ /^[!*]*$/ ? "" : "x") ":" $8 }
' /etc/group /etc/passwd $r_shadow
