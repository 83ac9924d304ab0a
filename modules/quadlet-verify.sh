# Verifies a file of Quadlet: the generator of Podman must make a service from it without a complaint.
# Needs: $q_file, the file; $q_generator, the generator.
# Exits with 1 if the file has a problem, which it prints on stderr.

q_said=$(QUADLET_UNIT_DIRS=${q_file%/*} "$q_generator" --dryrun 2>&1 >/dev/null)
! printf '%s\n' "$q_said" | grep -F -e "${q_file##*/}" | grep -v 'Loading source unit file' >&2
