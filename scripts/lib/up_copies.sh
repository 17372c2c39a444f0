# Backups: where one lies, what it has, and the store that is copied; sourced by scripts/backup and scripts/restore.
# shellcheck shell=bash

# What a copy has. Its manifest comes last, with a digest of each.
PARTS=(docs.dump users.dump blocks.list cluster.key credentials store.id)
COPY_THREADS=8 # blocks under way at once: at a service of S3 one waits most of the time

# take_s3_flag FLAG VALUE: how nephos-docs is told of the service where a backup lies.
S3=()
take_s3_flag() { S3+=("--backup-${1#--s3-}" "$2"); }

# place_of TARGET: sets PLACE, and FOLDER, which is "" at a service of S3.
place_of() {
	case $1 in
	s3://*) PLACE=${1%/} FOLDER= ;;
	*://*) die "a backup lies in a folder, or at s3://BUCKET[/PREFIX], not at $1" ;;
	*)
		[ "${#S3[@]}" = 0 ] || die "--s3-… is for a backup at s3://BUCKET[/PREFIX], not in the folder $1"
		own_path "$1"
		PLACE=$OWN_PATH FOLDER=$OWN_PATH
		;;
	esac
}

# What nephos-docs says, for people: of a line of its log the last thing that it tells, but for what is no trouble.
plain() { sed -E '/"level":"info"/d; s/^\{"time".*(outcome|text)=\\"(.*)\\"[^"]*"\}$/\2/; s/\\"/"/g' "$SAID" >&2; }

# docs_program ARGUMENT…: what it says is in SAID, and told.
docs_program() {
	local status=0
	env -i "${environment[@]}" "$BUILD/bin/nephos-docs" --cluster-key none --block-workers $COPY_THREADS --backup "$PLACE" "${S3[@]}" "$@" 2>"$SAID" ||
		status=$?
	plain
	return $status
}

# vault put|get|list|remove NAME
vault() { docs_program --database none --backup-do "$1" --backup-name "$2"; }

# with_blocks WHAT: of the list on the standard input.
with_blocks() {
	local config=()
	! own_file "$DATA/docs.conf" || config=(--config "$DATA/docs.conf")
	docs_program "${config[@]}" --blocks "$BLOCKS_KIND" --blocks-dir "$BLOCKS" --database "$(conninfo docs)" --backup-do "$1"
}

# Sets DATA, BLOCKS, and what up_postgres.sh and up_standbys.sh have of the cluster, whose primary must answer.
open_store() {
	own_path "${data:-$ROOT/var}"
	DATA=$OWN_PATH
	[ -s "$DATA/settings" ] || die "no store in $DATA"
	check_folder "$DATA/run" last
	read_settings "$DATA/settings"
	own_path "$DATA/blocks" "$(user_of docs-1)"
	BLOCKS=$OWN_PATH
	if [ "$STANDBYS" = 0 ]; then
		is_running postgres || die "the store in $DATA does not run; scripts/up --data $DATA"
		find_postgres
	else
		is_running patroni-1 || is_running patroni-2 || is_running patroni-3 || die "the store in $DATA does not run; scripts/up --data $DATA"
		find_standbys
	fi
	wait_until 30 primary_answers || die "the database of the store in $DATA does not answer; scripts/up --data $DATA"
}

primary_answers() { psql_as postgres docs -c 'SELECT'; }

# Sets BLOCKS_KIND. How a service of S3 is reached, the database does not know.
find_blocks() {
	local places
	places=$(psql_as postgres docs -At -F ' ' -c 'SELECT kind, target FROM block_place') || die "the database does not say where the blocks lie"
	BLOCKS_KIND=${places%% *}
	case " $places " in
	*' s3 '*)
		own_file "$DATA/docs.conf" ||
			die "the blocks lie at a service of S3, or move there, and nobody says how to reach it: write NEPHOS_S3_ENDPOINT=, NEPHOS_S3_BUCKET=, NEPHOS_S3_KEYS= and what else the docs services are told into $DATA/docs.conf"
		;;
	esac
}

# By this number, which stays with it when it is restored, a store knows its backups. Sets STORE.
know_store() {
	if ! own_file "$DATA/store.id"; then
		(umask 077 && random_word >"$DATA/store.id.new" && echo >>"$DATA/store.id.new")
		sync "$DATA/store.id.new"
		mv "$DATA/store.id.new" "$DATA/store.id"
	fi
	STORE=$(own_line "$DATA/store.id") || exit
	[[ $STORE =~ ^[0-9a-f]{48}$ ]] || die "$DATA/store.id is not what nephos wrote; remove it, and choose another place for backups"
}
