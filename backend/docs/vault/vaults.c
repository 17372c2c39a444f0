#include "backend/docs/vault/vaults.h"

#include "backend/docs/vault/vault_dir.h"
#include "backend/docs/vault/vault_s3.h"
#include "common/base/error.h"
#include "common/base/log.h"

#include <errno.h>

int vaults_open(const struct vault_options *options, struct vault **ret)
{
	int r;

	if (strncmp(options->target, VAULT_S3_SCHEME, strlen(VAULT_S3_SCHEME)) == 0)
		return vault_s3_new(options, ret);
	r = vault_dir_new(options->target, ret);
	if (r < 0)
		log_error(NULL, "op=backup folder=\"%s\" error=%d text=\"%s\"", options->target, r, error_text(r));
	return r;
}
