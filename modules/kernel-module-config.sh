# Prints the lines that decide which kernel modules are loaded, as FILE:LINE. Needs grep. Exits 0.

grep -HE '^[[:space:]]*(blacklist|install|options)[[:space:]]' /etc/modprobe.d/*.conf /run/modprobe.d/*.conf /usr/local/lib/modprobe.d/*.conf /usr/lib/modprobe.d/*.conf 2>/dev/null
grep -HE '^[[:space:]]*[^#;[:space:]]' /etc/modules /etc/modules-load.d/*.conf /run/modules-load.d/*.conf /usr/local/lib/modules-load.d/*.conf /usr/lib/modules-load.d/*.conf 2>/dev/null
:
