# Keeps its standard input as a netrc file, for its account alone and as long as the shell runs, and exports $NETRC.
# Needs: {file}, the beginning of its path. What a cut has left of an earlier one goes.

rm -f -- {file}??????????
NETRC=$(mktemp {file}XXXXXXXXXX) && export NETRC || exit
trap 'rm -f -- "$NETRC"' EXIT
trap 'exit 143' HUP INT TERM
cat >"$NETRC" || exit
