# The place and the parts of a backup, and access to the store that is copied; sourced by scripts/backup and
# scripts/restore.
# shellcheck shell=bash

# The parts of a copy. Its manifest is written last, with a digest of each part.
PARTS=(docs.dump users.dump blocks.list cluster.key credentials store.id)
COPY_THREADS=8 # how many blocks are copied at once: with a service of S3 most of the time is waiting

# take_s3_flag FLAG VALUE: adds to S3, the flags that tell nephos-docs how to reach the service of S3 with the backup.
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

# Prints the output of nephos-docs for people: of each line of its log only the last field, and no line of level info.
plain() { sed -E '/"level":"info"/d; s/^\{"time".*(outcome|text)=\\"(.*)\\"[^"]*"\}$/\2/; s/\\"/"/g' "$SAID" >&2; }

# docs_program ARGUMENT…: runs nephos-docs. Its output goes to SAID and is printed.
docs_program() {
	local status=0
	env -i "${environment[@]}" "$BUILD/bin/nephos-docs" --cluster-key none --block-workers $COPY_THREADS --backup "$PLACE" "${S3[@]}" "$@" 2>"$SAID" ||
		status=$?
	plain
	return $status
}

# vault put|get|list|remove NAME
vault() { docs_program --database none --backup-do "$1" --backup-name "$2"; }

# with_blocks WHAT: works on the blocks in the list on the standard input.
with_blocks() {
	local config=()
	! own_file "$DATA/docs.conf" || config=(--config "$DATA/docs.conf")
	docs_program "${config[@]}" --blocks "$BLOCKS_KIND" --blocks-dir "$BLOCKS" --database "$(conninfo docs)" --backup-do "$1"
}

# Sets DATA, BLOCKS, and the variables of up_postgres.sh or up_standbys.sh about the cluster. The primary must answer.
open_store() {
	own_path "${data:-$ROOT/var}"
	DATA=$OWN_PATH
	refuse_half
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
	wait_until 60 primary_answers || die "the database of the store in $DATA does not answer; scripts/up --data $DATA"
}

primary_answers() { psql_as postgres docs -c 'SELECT'; }

# Sets BLOCKS_KIND. The database does not store how to reach a service of S3.
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

# Sets STORE to the identifier by which a store recognises its backups. It makes one when there is none; a restored
# store has the same one.
know_store() {
	if ! own_file "$DATA/store.id"; then
		(umask 077 && random_word >"$DATA/store.id.new" && echo >>"$DATA/store.id.new")
		sync "$DATA/store.id.new"
		mv "$DATA/store.id.new" "$DATA/store.id"
	fi
	STORE=$(own_line "$DATA/store.id") || exit
	[[ $STORE =~ ^[0-9a-f]{48}$ ]] || die "$DATA/store.id is not what nephos wrote; remove it, and choose another place for backups"
}
