# A store that is copied, for scripts/backup; sourced by it.
# shellcheck shell=bash

# Sets DATA, BLOCKS, and what up_postgres.sh has of the cluster, which must run.
open_store() {
	own_path "${data:-$ROOT/var}"
	DATA=$OWN_PATH
	[ -s "$DATA/settings" ] || die "no store in $DATA"
	check_folder "$DATA/run" last
	read_settings "$DATA/settings"
	[ "$STANDBYS" = 0 ] || die "a store with standbys is not copied by this"
	own_path "$DATA/blocks" "$(user_of docs-1)"
	BLOCKS=$OWN_PATH
	is_running postgres || die "the store in $DATA does not run; scripts/up --data $DATA"
	find_postgres
}

# Files and rows are copied, and what is between them; a service of S3 is told to the docs services alone.
check_place() {
	local places
	places=$(psql_as postgres docs -At -F ' ' -c 'SELECT kind, target FROM block_place') || die "the database does not say where the blocks lie"
	case " $places " in *' s3 '*) die "the blocks lie at a service of S3, or move there: that is no part of $DATA, and is not copied by this" ;; esac
}
