# Keeps its standard input as a netrc file, for its account alone and while the shell runs, and exports $NETRC. Removes
# a file that an earlier cut left.
# Needs: {file}, the beginning of its path.

rm -f -- {file}??????????
NETRC=$(mktemp {file}XXXXXXXXXX) && export NETRC || exit
trap 'rm -f -- "$NETRC"' EXIT
trap 'exit 143' HUP INT TERM
cat >"$NETRC" || exit
