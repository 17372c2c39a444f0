#include "backend/docs/rows/fsck.h"

static const struct kind {
	const char *name, *text;
} KINDS[FSCK_KINDS] = {
	[0] = {"unknown", "something is wrong"},
	[FSCK_ENTRY_WITHOUT_CHILD] = {"entry-without-document", "the name leads to no document"},
	[FSCK_ENTRY_WITHOUT_PARENT] = {"entry-without-folder", "the name lies in no folder"},
	[FSCK_ENTRY_UNMARKED] = {"entry-unmarked", "the name is not one that its document knows of"},
	[FSCK_NAME_LOST] = {"name-lost", "the document is not where it says it is"},
	[FSCK_UNREACHABLE] = {"unreachable", "the folder is not below the root"},
	[FSCK_LINKS] = {"links", "its link count is wrong"},
	[FSCK_CHILDREN] = {"children", "it counts what lies in it wrong"},
	[FSCK_ALLOCATED] = {"allocated", "it counts its bytes wrong"},
	[FSCK_EXTENTS] = {"extents", "it counts its extents wrong"},
	[FSCK_CHARGED] = {"charged", "its owner is charged wrong for it"},
	[FSCK_XATTRS] = {"xattrs", "it says wrong whether it has extended attributes"},
	[FSCK_EXTENT_BAD] = {"extent-bad", "extents of it make no sense"},
	[FSCK_EXTENTS_OVERLAP] = {"extents-overlap", "extents of it lie over each other"},
	[FSCK_AHEAD] = {"ahead", "it is ahead of its drive"},
	[FSCK_NUMBER] = {"number", "its number would be given out again"},
	[FSCK_EXTENT_WITHOUT_NODE] = {"extent-without-document", "content of a document that is not there"},
	[FSCK_XATTR_WITHOUT_NODE] = {"xattr-without-document", "extended attributes of a document that is not there"},
	[FSCK_BLOCK_MISSING] = {"block-missing", "its content is in a block that has no row"},
	[FSCK_BLOCK_LOST] = {"block-lost", "a block of its content is not there"},
	[FSCK_BLOCK_SIZE] = {"block-size", "a block of its content has another size"},
	[FSCK_BLOCK_DIGEST] = {"block-digest", "a block of its content has other bytes than were stored"},
	[FSCK_BLOCK_UNREADABLE] = {"block-unreadable", "a block of its content cannot be read"},
	[FSCK_BLOCK_LEAKED] = {"block-leaked", "a block is kept that nothing refers to"},
	[FSCK_JOURNAL_GAP] = {"journal-gap", "entries of the journal are missing"},
	[FSCK_JOURNAL_END] = {"journal-end", "the journal does not end where the drive stands"},
	[FSCK_DRIVE_USED] = {"drive-used", "the drive counts its bytes wrong"},
	[FSCK_DRIVE_DOCUMENTS] = {"drive-documents", "the drive counts its documents wrong"},
	[FSCK_DRIVE_EXTENTS] = {"drive-extents", "the drive counts its extents wrong"},
	[FSCK_DRIVE_BLOCKS] = {"drive-blocks", "the drive counts the bytes of its blocks wrong"},
	[FSCK_ROOT] = {"root", "the drive has no root"},
	[FSCK_STRAY] = {"stray", "there are rows of a drive that is not there"},
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
