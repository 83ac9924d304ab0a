# Reads the table of reconcile that is in force.
# Prints: the table as nft lists it, without counters and without the elements of its sets; nothing if it is not loaded.
# Needs: root.
# Exit codes: 0; 1 if nft may not read.

tables=$(nft list tables inet) || exit 1
case "
$tables
" in
*"
table inet reconcile
"*) nft -s -t list table inet reconcile ;;
esac
