# Prints a block for each unit, in the same order: `Asked=`, the links that [Install] asks for, and `Links=`, those that
# exist and start the unit. Both are relative to the folder of the links, such as multi-user.target.wants/nginx.service. A
# link of a package counts only if it is asked for, because systemctl does not remove it.
# systemctl calls a unit enabled if it has any link.
# Needs: on stdin, blocks of `systemctl show` with Id, FragmentPath and DropInPaths.
{
  find /etc/systemd/system -maxdepth 2 -type l 2>/dev/null | sed 's,^/etc/systemd/system/,link ,'
  find /usr/lib/systemd/system/ /usr/local/lib/systemd/system/ -maxdepth 2 -type l 2>/dev/null | sed 's,^.*/systemd/system/,packaged ,'
  cat
} | awk '
  function install(file,   line, key, names, n, i, word, isInstall) {
    while ((getline line < file) > 0) {
      if (line ~ /^\[/) isInstall = line ~ /^\[Install\]/
      if (!isInstall || line !~ /^[ \t]*(WantedBy|RequiredBy|Alias)[ \t]*=/) continue
      key = names = line
      gsub(/^[ \t]*|[ \t]*=.*$/, "", key)
      sub(/^[^=]*=[ \t]*/, "", names)
      if (names == "") asked[key] = ""
      n = split(names, word, /[ \t]+/)
      for (i = 1; i <= n; i++) if (word[i] != "" && word[i] !~ /%/) asked[key] = asked[key] " " link(key, word[i])
    }
    close(file)
  }
  function link(key, word) {
    if (key == "Alias") return word == id || word ~ /@/ ? "" : word
    return word (key == "WantedBy" ? ".wants/" : ".requires/") id
  }
  function show(   all, n, i, word, name, found) {
    if (id == "") return
    split("", asked)
    if (fragment != "") install(fragment)
    n = split(dropins, word, " ")
    for (i = 1; i <= n; i++) install(word[i])
    all = asked["WantedBy"] " " asked["RequiredBy"] " " asked["Alias"]
    n = split(all, word, " ")
    all = ""
    for (i = 1; i <= n; i++) { all = all " " word[i]; if (word[i] in packaged || (word[i] !~ /\// && word[i] in links)) found = found " " word[i] }
    for (name in links) if (substr(name, index(name, "/") + 1) == id && name ~ /\.(wants|requires)\//) found = found " " name
    printf "Asked=%s\nLinks=%s\n\n", substr(all, 2), substr(found, 2)
    id = fragment = dropins = ""
  }
  /^link / { links[substr($0, 6)]; next }
  /^packaged / { packaged[substr($0, 10)]; next }
  /^Id=/ { id = substr($0, 4) }
  /^FragmentPath=/ { fragment = substr($0, 14) }
  /^DropInPaths=/ { dropins = substr($0, 13) }
  /^$/ { show() }
  END { show() }'
