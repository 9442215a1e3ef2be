// SPDX-License-Identifier: MIT
#include "chains.h"

#include "json.h"
#include "specfile.h"

json_t *chains_spec(const char *kind, const char *model, const struct chains *c, struct err *e)
{
	_cleanup_json_ json_t *spec = json_pack("{s:s, s:s}", "kind", kind, "model", model);
	int r;

	if (!spec) {
		err_set(e, -EINVAL, "the path of the model is not UTF-8");
		return NULL;
	}
	r = specfile_set_text(spec, "device.scan", c->scan, e);
	r = r < 0 ? r : specfile_set_text(spec, "device.name", c->device, e);
	r = r < 0 ? r : specfile_set_uint(spec, "seed", c->seed, e);
	r = r < 0 ? r : specfile_set_uint(spec, "code", c->code, e);
	r = r < 0 ? r : specfile_set_uint(spec, "burn", c->burn, e);
	r = r < 0 ? r : specfile_set_uint(spec, "device.chains", c->chains, e);
	r = r < 0 ? r : specfile_set_uint(spec, "device.sweeps", c->sweeps, e);
	r = r < 0 ? r : specfile_set_uint(spec, "device.bits", c->bits, e);
	r = r < 0 ? r : specfile_set_real(spec, "device.beta", c->beta, e);
	r = r < 0 ? r : specfile_set_real(spec, "device.scale", c->scale, e);
	return r < 0 ? NULL : TAKE_PTR(spec);
}
