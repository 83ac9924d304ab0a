# Prints the lines of the files that a requirements file includes, each file once: those of `-r`, then a form feed, then
# those of `-c`, the constraints.
# Needs: $file, the requirements file.

awk -v file="$file" '
  function read(at, isLimit,   line, to, folder) {
    if (at in seen) return
    seen[at]
    folder = at
    sub(/[^\/]*$/, "", folder)
    while ((getline line < at) > 0) {
      if (line ~ /^[ \t]*(-[rc]|--requirement|--constraint)/) {
        to = line
        sub(/^[ \t]*(-[rc]|--requirement|--constraint)[ \t=]*/, "", to)
        gsub(/[ \t]#.*$|[ \t\r]+$/, "", to)
        if (to !~ /^\// && to !~ /:\/\//) to = folder to
        read(to, isLimit || line ~ /^[ \t]*(-c|--c)/)
      } else if (at != file) text[isLimit] = text[isLimit] line "\n"
    }
    close(at)
  }
  BEGIN { read(file, 0); printf "%s\f%s", text[0], text[1] }'
