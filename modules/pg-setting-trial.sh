# Tries a setting without changing the server: in a session, or if no session can set it, with the server's program,
# which checks the values of its command line before it looks for its data.
# Needs: {statement}, SQL that sets it; {setting}, `name=value`; {name}.
# Prints the messages of PostgreSQL on stderr.

said=$(psql -XAtq -d postgres -c {statement} 2>&1)
case $said in
  *'cannot be changed'*) for p in /usr/lib/postgresql/*/bin/postgres; do "$p" -D / -c {setting} -C {name}; done ;;
  *) printf '%s\n' "$said" >&2 ;;
esac
