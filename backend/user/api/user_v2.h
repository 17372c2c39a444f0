/* user_v2: how version 2 shows an account. */
#ifndef NEPHOS_USER_V2_H
#define NEPHOS_USER_V2_H

#include "backend/user/api/user_request.h"
#include "backend/user/api/user_routes.h"

json_t *user_v2_show(const struct account_outcome *outcome);

#define USER_V2_SCHEMA                                                                                                                                 \
	"{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"},\"email\":{\"type\":[\"string\",\"null\"]}," \
	"\"admin\":{\"type\":\"boolean\"},\"has_password\":{\"type\":\"boolean\"},\"created_at\":{\"type\":\"string\"}}}"
#define USER_PAGE_SCHEMA(item)                                                               \
	"{\"type\":\"object\",\"properties\":{\"items\":{\"type\":\"array\",\"items\":" item \
	"},\"next\":{\"type\":[\"string\",\"null\"]}}}"

#endif
