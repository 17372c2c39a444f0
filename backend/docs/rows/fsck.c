#include "backend/docs/rows/fsck.h"

#include "common/base/error.h"

#include <inttypes.h>

/* What people are shown of `is` and `should`. */
enum shown { NOTHING, VALUES, NUMBER, COUNT, AT, AT_AND_GENERATION, GENERATION, ERRNO_AND_GENERATION, GAP };

static const struct kind {
	const char *name, *text;
	enum shown shown;
} KINDS[FSCK_KINDS] = {
	[0] = {"unknown", "something is wrong", NOTHING},
	[FSCK_ENTRY_WITHOUT_CHILD] = {"entry-without-document", "the name leads to no document", NOTHING},
	[FSCK_ENTRY_WITHOUT_PARENT] = {"entry-without-folder", "the name lies in no folder", NOTHING},
	[FSCK_ENTRY_UNMARKED] = {"entry-unmarked", "the name is not one that its document knows of", NOTHING},
	[FSCK_NAME_LOST] = {"name-lost", "the document is not where it says it is", NOTHING},
	[FSCK_UNREACHABLE] = {"unreachable", "the folder is not below the root", NOTHING},
	[FSCK_LINKS] = {"links", "its link count is wrong", VALUES},
	[FSCK_CHILDREN] = {"children", "it counts what lies in it wrong", VALUES},
	[FSCK_ALLOCATED] = {"allocated", "it counts its bytes wrong", VALUES},
	[FSCK_EXTENTS] = {"extents", "it counts its extents wrong", VALUES},
	[FSCK_CHARGED] = {"charged", "its owner is charged wrong for it", VALUES},
	[FSCK_XATTRS] = {"xattrs", "it says wrong whether it has extended attributes", NOTHING},
	[FSCK_EXTENT_BAD] = {"extent-bad", "extents of it make no sense", COUNT},
	[FSCK_EXTENTS_OVERLAP] = {"extents-overlap", "extents of it lie over each other", COUNT},
	[FSCK_AHEAD] = {"ahead", "it is ahead of its drive", VALUES},
	[FSCK_NUMBER] = {"number", "its number was never given to a document", VALUES},
	[FSCK_EXTENT_WITHOUT_NODE] = {"extent-without-document", "content of a document that is not there", AT},
	[FSCK_XATTR_WITHOUT_NODE] = {"xattr-without-document", "extended attributes of a document that is not there",
		NOTHING},
	[FSCK_BLOCK_MISSING] = {"block-missing", "its content is in a block that has no row", AT_AND_GENERATION},
	[FSCK_BLOCK_LOST] = {"block-lost", "a block of its content is not there", GENERATION},
	[FSCK_BLOCK_SIZE] = {"block-size", "a block of its content has another size", VALUES},
	[FSCK_BLOCK_DIGEST] = {"block-digest", "a block of its content has other bytes than were stored", GENERATION},
	[FSCK_BLOCK_UNREADABLE] = {"block-unreadable", "a block of its content cannot be read", ERRNO_AND_GENERATION},
	[FSCK_BLOCK_LEAKED] = {"block-leaked", "a block is kept that nothing refers to", GENERATION},
	[FSCK_JOURNAL_GAP] = {"journal-gap", "entries of the journal are missing", GAP},
	[FSCK_JOURNAL_END] = {"journal-end", "the journal does not end where the drive stands", VALUES},
	[FSCK_DRIVE_USED] = {"drive-used", "the drive counts its bytes wrong", VALUES},
	[FSCK_DRIVE_DOCUMENTS] = {"drive-documents", "the drive counts its documents wrong", VALUES},
	[FSCK_DRIVE_EXTENTS] = {"drive-extents", "the drive counts its extents wrong", VALUES},
	[FSCK_DRIVE_BLOCKS] = {"drive-blocks", "the drive counts the bytes of its blocks wrong", VALUES},
	[FSCK_ROOT] = {"root", "the drive has no root", NOTHING},
	[FSCK_STRAY] = {"stray", "there are rows of a drive that is not there", NUMBER},
	[FSCK_ENTRY_TO_ORPHAN] = {"entry-to-removed", "the document says that it was removed, and would be deleted",
		NOTHING},
	[FSCK_NAME_BAD] = {"name-bad", "no document may have such a name", NOTHING},
	[FSCK_SIZE_BAD] = {"size-bad", "its size is impossible", NUMBER},
	[FSCK_TYPE_BAD] = {"type-bad", "its mode has no type", NOTHING},
	[FSCK_DIGEST] = {"digest", "the digest that is kept of its content is not that of the content", NOTHING},
	[FSCK_DIGEST_INLINE] = {"digest-inline", "its content and the digest that is kept of it do not agree", NOTHING},
	[FSCK_JOURNAL_NUMBER] = {"journal-number", "the number of an entry in the journal is impossible", NUMBER},
};

static const struct kind *kind_of(int kind)
{
	return &KINDS[kind > 0 && kind < FSCK_KINDS ? kind : 0];
}

const char *fsck_kind_name(int kind)
{
	return kind_of(kind)->name;
}

const char *fsck_kind_text(int kind)
{
	return kind_of(kind)->text;
}

bool fsck_kind_counts(int kind)
{
	return kind_of(kind)->shown == VALUES;
}

int fsck_kind_detail(int kind, int64_t is, int64_t should, struct buf *to)
{
	switch (kind_of(kind)->shown) {
	case VALUES:
		return buf_printf(to, "is %" PRId64 ", should be %" PRId64, is, should);
	case NUMBER:
		return buf_printf(to, "it is %" PRId64, is);
	case COUNT:
		return buf_printf(to, "%" PRId64 " of them", is);
	case AT:
		return buf_printf(to, "at byte %" PRId64, is);
	case AT_AND_GENERATION:
		return buf_printf(to, "at byte %" PRId64 ", generation %" PRId64, is, should);
	case GENERATION:
		return buf_printf(to, "generation %" PRId64, should);
	case ERRNO_AND_GENERATION:
		return buf_printf(to, "generation %" PRId64 ": %s", should, error_text((int)-is));
	case GAP:
		return buf_printf(to, "from seq %" PRId64 " on, up to the one before %" PRId64, is, should);
	case NOTHING:
		break;
	}
	return 0;
}
