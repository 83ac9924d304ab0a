# Prints what sshd makes of the keywords of a configuration: `now LINE` for each line of its present configuration, `own LINE`
# for each line of the given text alone, `wrong TEXT` for each error in that text, and `earlier FILE KEYWORD VALUE` or
# `later FILE KEYWORD VALUE` for each line of another file, before or after the text's own file.
# Needs: $s_keys (a pattern of keywords in small letters), $s_text, $s_file; $only, with which sshd does without /run/sshd, a
# folder that is missing while a socket waits for it. Exits with 3 without sshd, and with 4, and the errors, if sshd does not
# accept the present configuration.

command -v sshd >/dev/null || exit 3
s_now=$($only sshd -T 2>&1) || { printf '%s\n' "$s_now" | tr -d '\r'; exit 4; }
printf '%s\n' "$s_now" | grep -E "^($s_keys)( |\$)" | sed 's/^/now /'
s_own=$(printf '%s\n' "$s_text" | $only sshd -T -f /dev/stdin 2>&1) || { printf '%s\n' "$s_own" | tr -d '\r' | sed 's/^/wrong /'; s_own=; }
printf '%s\n' "$s_own" | grep -E "^($s_keys)( |\$)" | sed 's/^/own /'
awk -v keys="^($s_keys)\$" -v own="$s_file" '
  FNR == 1 { isMatch = 0 }
  FILENAME == "/etc/ssh/sshd_config" { included = included || tolower($1) == "include"; isLater = included }
  FILENAME != "/etc/ssh/sshd_config" { isLater = FILENAME > own }
  tolower($1) == "match" { isMatch = 1 }
  FILENAME == own || isMatch || tolower($1) !~ keys { next }
  { key = tolower($1); sub(/^[ \t]*[^ \t]+[ \t]+/, ""); print (isLater ? "later" : "earlier"), FILENAME, key, $0 }
  END { if (!included) print "earlier /etc/ssh/sshd_config include missing" }
' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf 2>/dev/null
:
