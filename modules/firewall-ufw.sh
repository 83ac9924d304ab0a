# Reads the rules of ufw that are in force.
# Prints: the lines of ufw's rules and policies in the kernel, as iptables has them.
# Needs: root.
# Exit codes: 0; 1 if iptables cannot be asked.

own='^-P (INPUT|OUTPUT) |^-A ufw6?-before-input -j ufw6?-user-input|^-A ufw6?-user-(input|output) '
all=$(iptables -S) || exit 1
printf '%s\n' "$all" | grep -E "$own"
[ -e /proc/net/if_inet6 ] || exit 0
all=$(ip6tables -S) || exit 1
printf '%s\n' "$all" | grep -E "$own"
