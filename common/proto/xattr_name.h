/* xattr_name: which extended attributes a document may have, by the part of the name before the first dot
 * (xattr(7)). Pure, any thread. */
#ifndef NEPHOS_PROTO_XATTR_NAME_H
#define NEPHOS_PROTO_XATTR_NAME_H

#include "common/base/span.h"

#include <stdbool.h>

/* -EOPNOTSUPP: an unknown prefix, or a name of "system." other than the two ACLs. -EINVAL: nothing behind the dot. */
int xattr_name_check(struct span name);
/* Whether only a privileged process may see the attribute. */
bool xattr_name_is_trusted(struct span name);

#endif
